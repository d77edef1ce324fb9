import { readFileSync } from 'node:fs'
import { builtinModules, createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { namesApart } from '../../kernel/language/cell-names.ts'
import { adaptCompiler } from '../../kernel/language/compiler.ts'
import {
  type ConvertResult,
  cellScope,
  loadTslab,
  nodeTypesFolder,
  TSLAB_VERSION,
} from '../../kernel/language/tslab.ts'

/** Each of these holds one thing that tslab does not promise: what fails here is what an upgrade has changed. */
const hooks = suite('kernel/language-tslab')
const own = createRequire(import.meta.url)
const setup = { cwd: tmpdir(), typesFile: '', nodeTypes: nodeTypesFolder(), builtins: builtinModules }
const tslab = loadTslab(setup)
const { ts } = tslab.compiler

hooks('the version is the one that is known here', () => {
  assert.is(own('tslab/package.json').version, TSLAB_VERSION)
  assert.is(JSON.parse(readFileSync('package.json', 'utf8')).dependencies.tslab, TSLAB_VERSION)
  assert.match(ts.version, /^5\.0\./)
})

hooks('TypeScript has what is taken of it without being declared', () => {
  for (const name of [
    'bindSourceFile',
    'isGlobalScopeAugmentation',
    'canHaveJSDoc',
    'getJSDocCommentRanges',
    'parseIsolatedJSDocComment',
    'getPreEmitDiagnosticsOfFiles',
    'getQuickInfoAtPosition',
    'createAbstractBuilder',
  ])
    assert.type((ts as unknown as Record<string, unknown>)[name], 'function', name)
})

hooks('TypeScript knows the files of its library by name', () => {
  assert.is((ts as unknown as { libMap: Map<string, string> }).libMap.get('es2015.core'), 'lib.es2015.core.d.ts')
})

hooks('the converter asks the module for TypeScript at each call, and takes program and diagnostics from there', () => {
  const called = new Set<string>()
  const real = tslab.compiler.exports as unknown as Record<string, (...args: unknown[]) => unknown>
  const names = ['createWatchCompilerHost', 'createWatchProgram', 'transpileModule', 'getPreEmitDiagnosticsOfFiles']
  const before = names.map((name) => [name, real[name]!] as const)
  const hosts: unknown[][] = []
  for (const [name, call] of before)
    real[name] = (...args) => {
      called.add(name)
      if (name === 'createWatchCompilerHost') hosts.push(args)
      return call(...args)
    }
  const converter = tslab.createConverter()
  const { output, declOutput, lastExpressionVar, hasToplevelAwait } = converter.convert('', 'const a = await 1\na')
  for (const [name, call] of before) real[name] = call
  assert.equal([...called].sort(), [...names].sort())
  const [files, options] = hosts[0] as [string[], Record<string, unknown>]
  assert.equal(files.map((file) => file.split('/').at(-1)).sort(), ['__prev__.d.ts', '__tslab__.ts'])
  assert.is(options.module, ts.ModuleKind.ESNext)
  assert.is(options.outDir, 'outDir')
  assert.is(lastExpressionVar, 'tsLastExpr')
  assert.is(hasToplevelAwait, true)
  assert.match(output!, /^\n[\s\S]*exports\.tsLastExpr = /)
  assert.match(declOutput!, /declare (const|let) a\b/)
  const maps = tslab.compiler.takeMaps()
  assert.equal(
    [...maps.keys()].map((path) => path.split('/').at(-1)),
    ['__tslab__.ts'],
  )
  assert.equal(JSON.parse([...maps.values()][0]!.toSource).sources, ['../__tslab__.ts'])
  assert.match(
    converter.convert('', 'for await (const a of []) {}').output!,
    'for await',
    'a lone for await is no error',
  )
  converter.close()
})

hooks('compiled code says first what it declares, sets variables as exports and imports by a getter', () => {
  const converter = tslab.createConverter()
  const many = Array.from({ length: 60 }, (_, n) => `v${n}`)
  const code = `import { sep as début } from 'node:path'\nimport * as fs from 'node:fs'\nconst ${many.map((name) => `${name} = 1`)}\nfunction f() {}\nvoid fs, début`
  const { output } = converter.convert('', code)
  converter.close()
  const { names, output: apart } = namesApart(output!)
  assert.equal([...names].sort(), [...many, 'début', 'f', 'fs', 'tsLastExpr'].sort())
  assert.not.match(apart, /= void 0;\n/)
  assert.is(apart.split('\n').length, output!.split('\n').length)
  assert.match(apart, /\nObject\.defineProperty\(exports, "d(é|\\u00E9)but", \{ enumerable: true, get: /)
  assert.match(apart, /\nexports\.v7 = v7;\n/)
})

hooks('the converter’s code begins one line below, its errors count without that line', () => {
  const converter = tslab.createConverter()
  const [found] = converter.convert('', '1\n  oops').diagnostics
  assert.equal(found!.start, { offset: 4, line: 1, character: 2 })
  converter.convert('', 'throw 1')
  assert.match(JSON.parse([...tslab.compiler.takeMaps().values()].at(-1)!.toSource).mappings, /^;?/)
  converter.close()
})

hooks(
  'the executor takes the code of modules, with the scope that can be reached, and runs no cell without output',
  async () => {
    let result: Partial<ConvertResult> = {}
    const converter = {
      ...({} as ReturnType<typeof tslab.createConverter>),
      convert: () => ({ diagnostics: [], ...result }),
    }
    const executor = tslab.createExecutor(setup.cwd, { node: converter, browser: converter, close: () => {} }, console)
    const path = `${setup.cwd}/beside.js`
    for (const value of [1, 2]) {
      result = { output: '', sideOutputs: [{ path, data: `exports.value = ${value}` }] }
      assert.ok(await executor.execute(''))
      assert.is(cellScope().require('./beside').value, value)
    }
    assert.type(cellScope().require('node:fs').readFileSync, 'function')
    executor.close()
  },
)

hooks('a compiler can be adapted again, as a snapshot does', () => {
  assert.type(adaptCompiler(ts, () => setup).exports.createWatchProgram, 'function')
})

hooks.run()
