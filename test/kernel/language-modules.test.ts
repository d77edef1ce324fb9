import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { tslabLanguage } from '../../kernel/language/tslab-language.ts'
import { cellsOf } from '../support/cells.ts'

const root = realpathSync(mkdtempSync(join(tmpdir(), 'aivida-modules-')))
const folder = join(root, 'notes')
const file = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const pack = (name: string, manifest: object, files: Record<string, string>) => {
  file(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', ...manifest }))
  for (const [path, text] of Object.entries(files)) file(`node_modules/${name}/${path}`, text)
}
mkdirSync(folder)
// Only there for `import`, and with a top-level await: require() can load neither.
pack(
  'only-esm',
  { exports: { '.': { types: './index.d.ts', import: './index.mjs' } } },
  {
    'index.mjs': 'export const named = await Promise.resolve(1); export default function twice(x) { return 2 * x }',
    'index.d.ts':
      'export declare const named: number; export default function twice(x: number): number; export interface Only { a: 1 }',
  },
)
pack(
  'two-faced',
  { exports: { '.': { import: './index.mjs', require: './index.cjs' } } },
  {
    'index.mjs': 'export const from = "import"',
    'index.cjs': 'exports.from = "require"',
    'index.d.mts': 'export declare const from: string',
  },
)
pack(
  'old',
  { main: 'index.js', types: 'index.d.ts' },
  {
    'index.js': 'module.exports = (x) => x + 1; module.exports.extra = "more"',
    'index.d.ts':
      'declare function old(x: number): number; declare namespace old { const extra: string }; export = old',
  },
)
pack(
  'throws',
  { main: 'index.js', types: 'index.d.ts' },
  {
    'index.js': 'throw new Error("cannot be loaded")',
    'index.d.ts': 'export declare const it: number; export interface Shape { a: number }',
  },
)
const { log } = console
const language = tslabLanguage({
  session: {
    globals: {},
    typesFile: declarationsFile(),
    magics: [],
  },
  cwd: folder,
})
const { run, ok, fails } = cellsOf(language)

const modules = suite('kernel/language-modules')

modules('packages that are only there as ES modules: named, default, namespace, types', async () => {
  assert.is(
    await ok('import twice, { named, type Only } from "only-esm"\nconst one: Only["a"] = 1\ntwice(named + one)'),
    4,
  )
  assert.is(await ok('twice(5)'), 10)
  assert.is(await ok('import * as all from "only-esm"\nall.default(all.named)'), 2)
  assert.is(await ok('const later = await import("only-esm"); later.named'), 1)
  assert.is(await ok('const name = "only-esm"; (await import(name)).named'), 1)
})

modules('a package that is both is the one that import brings, as for the kernel itself', async () => {
  assert.is(await ok('import { from } from "two-faced"\nfrom'), 'import')
})

modules('a CommonJS package is what require() gives, with its default import', async () => {
  assert.is(await ok('import old from "old"\nold(1) + old.extra'), '2more')
})

modules('a package that cannot be loaded fails where its values are needed, not its types', async () => {
  assert.is(await ok('import type { Shape } from "throws"\nconst shape: Shape = { a: 1 }\nshape.a'), 1)
  assert.is((await fails('import { it } from "throws"\nit')).message, 'cannot be loaded')
})

modules('aivida is the kernel’s own from any folder', async () => {
  const grid = await ok('import { grid, AividaError } from "aivida"\ngrid')
  assert.is(grid, (await import('../../runtime/index.ts')).grid)
  assert.is(await ok('(await import("aivida")).AividaError === AividaError'), true)
})

modules('Node’s own modules, with the types of this Node', async () => {
  assert.is(
    await ok('import { glob } from "node:fs/promises"\nimport * as os from "os"\ntypeof glob + typeof os.cpus'),
    'functionfunction',
  )
})

modules(
  'a module beside the notebook or above it is read again when it has changed, and what imports it too',
  async () => {
    file('notes/inner.ts', 'export const inner: number = 1')
    file(
      'notes/near.ts',
      'import { inner } from "./inner.ts"\nimport { named } from "only-esm"\nexport const near = () => inner + named',
    )
    file('above.ts', 'export const above = "first"')
    assert.is(
      await ok('import { near } from "./near"\nimport { above } from "../above.ts"\nnear() + " " + above'),
      '2 first',
    )
    file('notes/inner.ts', 'export const inner: number = 1000')
    file('above.ts', 'export const above = "and then"')
    assert.is(
      await ok('import { near } from "./near"\nimport { above } from "../above.ts"\nnear() + " " + above'),
      '1001 and then',
    )
    assert.is(await ok('(await import("./near.ts")).near()'), 1001)
  },
)

modules('an error in a local module has its file and line', async () => {
  file('notes/broken.ts', 'interface Gone { a: 1 }\nexport function broken(): never {\n  throw new Error("here")\n}')
  const { traceback } = await fails('import { broken } from "./broken"\nbroken()')
  assert.match(
    traceback.join('\n'),
    new RegExp(`at broken \\(${join(folder, 'broken.ts')}:3:9\\)\n +at cell \\d+, line 2:7`),
  )
  file('notes/broken.ts', 'export const broken: string = 1')
  assert.is(
    (await fails('import { broken } from "./broken"\nbroken')).message,
    "broken.ts 1:14 - Type 'number' is not assignable to type 'string'.",
  )
})

modules('a module that was not there is found when it has come', async () => {
  assert.match((await fails('import { late } from "./late"\nlate')).message, /^1:22 - Cannot find module '\.\/late'/)
  assert.match((await fails('import { come } from "come"\ncome')).message, /Cannot find module 'come'/)
  file('notes/late.ts', 'export const late = "there"')
  pack(
    'come',
    { type: 'module', exports: './index.js', types: './index.d.ts' },
    { 'index.js': 'export const come = 7', 'index.d.ts': 'export declare const come: number' },
  )
  assert.is(await ok('import { late } from "./late"\nlate'), 'there')
  assert.is(await ok('import { come } from "come"\ncome'), 7)
})

modules('a cell can be a module, JSON can be imported', async () => {
  assert.is(await ok('/** @module virtual */\nexport const virtual: number = 3'), undefined)
  assert.is(await ok('import { virtual } from "./virtual"\nvirtual'), 3)
  file('notes/data.json', '{ "a": [1, 2] }')
  assert.is(await ok('import data from "./data.json" with { type: "json" }\ndata.a.length'), 2)
  assert.is(await ok('(await import("./data.json", { with: { type: "json" } })).default.a.length'), 2)
  assert.match((await fails('/** @browser */\nlet a = 1')).message, /cells run in Node/)
})

modules('nothing of how a cell imports is told in it', async () => {
  const { cell } = await run('import { named } from "only-esm"\nawait import("two-faced")')
  assert.equal(cell.text, { stdout: '', stderr: '' })
})

modules.after(() => {
  language.close()
  assert.is(console.log, log)
  rmSync(root, { recursive: true, force: true })
})
modules.run()
