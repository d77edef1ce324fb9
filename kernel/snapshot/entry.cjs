/**
 * The entry of a start-up snapshot (`node --snapshot-blob X --build-snapshot entry.cjs PLAN`): TypeScript, tslab's converter and
 * the declarations that cells are compiled against, parsed and bound, as they are in memory. A process that starts from it loads
 * the kernel, which finds them under `Symbol.for('aivida.snapshot')` (kernel/language/tslab.ts).
 * (https://nodejs.org/docs/latest-v24.x/api/cli.html#--build-snapshot)
 *
 * CommonJS and alone, because while a snapshot is built Node's module loaders are not there yet: a few lines load what is needed.
 */
const { existsSync, readFileSync, rmSync, statSync } = require('node:fs')
const { dirname, join, resolve } = require('node:path')
const v8 = require('node:v8')

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'))
/** What was loaded, by path: as in `require.cache`. */
const loaded = new Map()

const ts = load(plan.typescript)
const { adaptCompiler } = load(plan.compiler)
let setup = { ...plan.setup, cwd: plan.folder }
const compiler = adaptCompiler(ts, () => setup)
loaded.set(plan.typescript, { exports: compiler.exports })
for (const path of plan.tslab) load(path)

// What a first cell would do is done: programs are made, functions compiled, and lazy parts of the compiler filled. Once with all
// declarations read, once more with those alone that such cells look at, which stay.
for (let round = 0; round < 2; round++) {
  const converter = loaded.get(plan.tslab[0]).exports.createConverter({})
  let declared = ''
  for (const cell of plan.warm) {
    compiler.refresh()
    const { declOutput, diagnostics } = converter.convert(declared, cell)
    if (diagnostics.length > 0) throw new Error(`${cell}: ${diagnostics[0].messageText}`)
    declared = declOutput ?? ''
  }
  converter.inspect(declared, 'Math', 2)
  converter.close()
  compiler.takeMaps()
  compiler.shelveFixed()
}

v8.startupSnapshot.setDeserializeMainFunction(() => {
  globalThis[Symbol.for('aivida.snapshot')] = {
    compiler,
    modules: new Map([...loaded].map(([path, { exports }]) => [path, exports])),
    use: (next) => {
      setup = next
    },
  }
  if (process.env.KERNEL_CHECK) console.log('ok')
  else start(process.argv[1])
})

/** The kernel, in TypeScript or JavaScript, by Node's own loader, which begins to work here. */
async function start(main) {
  const { KERNEL_CACHE: cache, KERNEL_STARTING: mark } = process.env
  delete process.env.KERNEL_CACHE
  delete process.env.KERNEL_STARTING
  if (mark) rmSync(mark, { force: true })
  process.execArgv.splice(0) // what a cell forks is another program
  const vm = require('node:vm')
  if (cache) require('node:module').enableCompileCache(cache)
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  const importNow = vm.runInThisContext('(path) => import(path)', { filename: main, importModuleDynamically })
  const { emitWarning } = process
  process.emitWarning = () => {} // that this is experimental
  const loading = importNow(require('node:url').pathToFileURL(main).href)
  process.emitWarning = emitWarning
  try {
    await loading
  } catch (error) {
    console.error(error)
    process.exit(1)
  }
}

/** Loads a CommonJS module, or an ES module in TypeScript or JavaScript once TypeScript is there to convert it. */
function load(path) {
  const known = loaded.get(path)
  if (known) return known.exports
  const module = { exports: {}, filename: path, loaded: false }
  loaded.set(path, module)
  const run = new Function(
    'exports',
    'require',
    'module',
    '__filename',
    '__dirname',
    `${textOf(path)}\n//# sourceURL=${path}`,
  )
  run(module.exports, (id) => required(id, path), module, path, dirname(path))
  module.loaded = true
  return module.exports
}

function textOf(path) {
  const text = readFileSync(plan.texts[path] ?? path, 'utf8')
  if (!plan.modules.includes(path)) return text
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 }
  return ts.transpileModule(text, { compilerOptions }).outputText
}

function required(id, from) {
  if (plan.setup.builtins.includes(id) || id.startsWith('node:')) return require(id)
  const path = id.startsWith('.') ? asFile(resolve(dirname(from), id)) : fromPackages(id, dirname(from))
  if (path === undefined) throw new Error(`${from} requires ${id}, which is not found`)
  return path.endsWith('.json') ? JSON.parse(readFileSync(path, 'utf8')) : load(path)
}

function fromPackages(id, folder) {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, 'node_modules', id)
    const found = asFile(path) ?? asPackage(path)
    if (found !== undefined) return found
    if (at === dirname(at)) return undefined
  }
}

function asPackage(path) {
  if (!existsSync(join(path, 'package.json'))) return undefined
  return asFile(join(path, JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')).main ?? 'index.js'))
}

function asFile(path) {
  return [path, `${path}.js`, join(path, 'index.js')].find((each) => existsSync(each) && statSync(each).isFile())
}
