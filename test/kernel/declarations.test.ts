import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import ts from '@tslab/typescript-for-tslab'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { generatedFiles } from '../../kernel/declarations/generator/generated-files.ts'
import { docOf } from '../../kernel/declarations/generator/source-text.ts'
import { NEWER_LIBRARY } from '../../kernel/language/newer-library.ts'

const root = resolve(import.meta.dirname, '../..')
const OPTIONS =
  '--noEmit --strict --skipLibCheck --target es2022 --lib esnext --module esnext --moduleResolution bundler --types node'
/** Types of what callers write. */
const WRITTEN = /(Options|Definition|Init|Request|Requirements)$/
/** What tsc ends with where there are errors. */
const FOUND_ERRORS = 2

const declarations = suite('declarations')

declarations('they and the references are those of the sources', () => {
  const stale = [...generatedFiles(root)].filter(([file, text]) => readFileSync(join(root, file), 'utf8') !== text)
  assert.equal(
    stale.map(([file]) => file),
    [],
    'npm run types',
  )
})

declarations('TypeScript 5.0, which checks cells, and the newest one find no error in them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-declarations-'))
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    cpSync(declarationsFile(), join(folder, 'aivida.ts')) // as a source: declaration files are not looked at
    writeFileSync(join(folder, 'newer.d.ts'), NEWER_LIBRARY)
    const require = createRequire(import.meta.url)
    const old = join(dirname(require.resolve('@tslab/typescript-for-tslab')), 'tsc.js')
    assert.equal(errorsOf(join(root, 'node_modules/typescript/bin/tsc'), folder, ['aivida.ts']), [])
    // It does what it is told of a package as a global, and says that it would not.
    const refused = 'Imports are not permitted in module augmentations'
    const found = errorsOf(old, folder, ['aivida.ts', 'newer.d.ts'])
    assert.equal(
      found.filter((line) => !line.includes(refused)),
      [],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

declarations('every call, and everything that a caller writes, says what it is', () => {
  const file = ts.createSourceFile(
    'aivida.d.ts',
    readFileSync(declarationsFile(), 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  )
  assert.equal(undocumented(file), [])
})

declarations.run()

/** Methods, and members of options and requests, without a comment; of overloads the first has one. */
function undocumented(file: ts.SourceFile): string[] {
  const told = new Map<string, boolean>()
  const visit = (node: ts.Node, owner: string): void => {
    const isMethod = ts.isMethodSignature(node) || ts.isMethodDeclaration(node)
    if (isMethod || ts.isPropertySignature(node)) {
      const isMark = !isMethod && node.type !== undefined && ts.isLiteralTypeNode(node.type)
      if ((!isMethod && !WRITTEN.test(owner)) || isMark) return
      const name = `${owner}.${node.name.getText()}`
      told.set(name, told.get(name) || docOf(node) !== '')
      return
    }
    const isNamed = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeAliasDeclaration(node)
    node.forEachChild((child) => visit(child, isNamed ? node.name!.text : owner))
  }
  visit(file, '')
  return [...told].filter(([, isTold]) => !isTold).map(([name]) => name)
}

function errorsOf(tsc: string, cwd: string, files: readonly string[]): string[] {
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...OPTIONS.split(' '), ...files], {
    cwd,
    encoding: 'utf8',
  })
  assert.ok(status === 0 || status === FOUND_ERRORS, stdout)
  return stdout.split('\n').filter((line) => line.includes('error'))
}
