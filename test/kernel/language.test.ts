import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tslabLanguage } from '../../kernel/language/tslab-language.ts'
import { cellsOf } from '../support/cells.ts'

const folder = mkdtempSync(join(tmpdir(), 'aivida-language-'))
writeFileSync(
  join(folder, 'session.d.ts'),
  `export interface Job { id: string }
export declare function connect(): Promise<unknown>
declare global { const cluster: {
  /**
   * Doubles it.
   * @param steps how many
   */
  train(steps: number): Promise<number> } }`,
)
const made = tslabLanguage({
  session: {
    globals: { cluster: { train: async (steps: number) => steps * 2 } },
    typesFile: join(folder, 'session.d.ts'),
    magics: [],
  },
  cwd: folder,
})
const { run, ok, fails } = cellsOf(made)

const language = suite('kernel/language')

language(
  'a cell gives the value of its last expression, and what it declares is there in later ones with its type',
  async () => {
    assert.is(await ok('const x = 20; x + 1'), 21)
    assert.is(await ok('x * 2'), 40)
    assert.is(await ok('const unused = x'), undefined)
    assert.is(await ok('null'), null)
    assert.is(
      (await fails('const text: string = x')).message,
      "1:7 - Type 'number' is not assignable to type 'string'.",
    )
  },
)

language('a cell adds to what a module or the language declares, for itself and those that follow', async () => {
  await ok(
    'declare module "fs" { interface Stats { mine?: number } }\nimport type { Stats } from "fs"\nconst added: Stats["mine"] = 1',
  )
  await ok('declare global { interface Array<T> { mine9?: T } }')
  await ok('[1].mine9 === undefined')
  await ok('const other = 1')
  assert.is(await ok('[1].mine9 === undefined && added'), 1)
  await ok('declare global { interface Array<T> { mine9?: string } }')
  assert.match((await fails('const text: number | undefined = [1].mine9')).message, /string/)
  await ok('import { statSync } from "fs"; statSync(".").mine')
})

language('constants and classes are declared again, destructured, and await stands at the top level', async () => {
  assert.is(await ok('class A { v = 1 }\nnew A().v'), 1)
  assert.is(await ok('class A { v = "two" }\nnew A().v.length'), 3)
  assert.is(await ok('const { a, b: [c] } = { a: 1, b: [2] }; const [d = 5] = []'), undefined)
  assert.is(await ok('a + c + d'), 8)
  assert.is(await ok('await cluster.train(4)'), 8)
  assert.is(await ok('let sum = 0\nfor await (const each of [1, Promise.resolve(2)]) sum += each'), undefined)
  assert.is(await ok('sum'), 3)
})

language(
  'what a cell made before it failed is there in later ones; a cell that was never run has made nothing',
  async () => {
    assert.is((await fails('const job = { id: "job-1" }\nthrow new Error("later")')).message, 'later')
    assert.is(await ok('job.id'), 'job-1')
    assert.match((await fails('const fine = 1\nconst wrong: string = 2')).message, /not assignable/)
    assert.match((await fails('fine')).message, /Cannot find name 'fine'/)
  },
)

language(
  'a name that a failed cell gave no value keeps its old one, with its type, or says that it has none',
  async () => {
    await ok('const old = 1, text = "a"; class Kept { v = 1 }; import { sep, join } from "node:path"')
    await fails(
      'const before = 5, text = 7; const old = await Promise.reject(new Error("x")) as string, never = 1; class Kept { w = 2 }; const sep = 3',
    )
    assert.is(await ok('old + 1'), 2)
    assert.match((await fails('const wrong: string = old')).message, /'number' is not assignable to type 'string'/)
    assert.is(await ok('before + text'), 12)
    assert.is(await ok('new Kept().v + join("b", "c") + sep.length'), `1b/c1`)
    const { name, message, traceback } = await fails('const here = 1\nnever * 2')
    assert.is(name, 'ReferenceError')
    assert.is(message, 'never has no value: the cell that declares it failed or was interrupted; run it again')
    assert.match(traceback.join('\n'), / at cell \d+, line 2:1\n/)
    await fails('throw new Error("y"); const never = 2')
    assert.match((await fails('never')).message, /^never has no value/)
    assert.is(await ok('const never = 3; never'), 3)
  },
)

language('a name of an interrupted cell has no value, also when the cell goes on and gets one', async () => {
  const stop = new AbortController()
  await ok('const said: string[] = []; let was = "old"')
  const began = Promise.withResolvers<void>()
  Object.assign(globalThis, { began: began.resolve })
  const waiting = run(
    `(globalThis as any).began(); let late = await new Promise<number>((done) => setTimeout(() => done(5), 20)), was = 5
const known = said.push("went on")`,
    stop.signal,
  )
  await began.promise
  stop.abort()
  assert.is(((await waiting).ended as { name?: string }).name, 'KeyboardInterrupt')
  assert.match((await fails('late * 2')).message, /^late has no value: .* was interrupted/)
  assert.equal(await ok('while (said.length === 0) await new Promise((done) => setTimeout(done, 5)); said'), [
    'went on',
  ])
  assert.match((await fails('late * 2')).message, /^late has no value/)
  assert.is(await ok('was.length'), 3)
  assert.is(await ok('late = 4; late + 1'), 5)
})

language('variables of cells are those of a plain object, in loops too, and named imports are as others', async () => {
  await ok(
    'import { sep as separator } from "node:path"\nlet count = 0\nfunction increase() { count++; return separator }',
  )
  assert.is(await ok('increase(); for (let i = 0; i < 10; i++) count += i\ncount'), 46)
  assert.is(await ok('separator.length'), 1)
  await ok('export * from "node:os"; const EOL = 1')
  assert.is(await ok('const hostname = EOL; hostname'), 1)
})

language('what is written belongs to the cell that began it, also later', async () => {
  const { cell } = await run(
    'setTimeout(() => console.log("late"), 5); process.stderr.write("now\\n"); console.log("first")',
  )
  assert.equal(cell.text, { stdout: 'first\n', stderr: 'now\n' })
  const { cell: other } = await run('await new Promise((done) => setTimeout(done, 30)); console.log("other")')
  assert.equal(other.text, { stdout: 'other\n', stderr: '' })
  assert.equal(cell.text, { stdout: 'first\nlate\n', stderr: 'now\n' })
})

language('awaits the awaited, and what packages give whose types are in other files', async () => {
  const code =
    'import { readFileSync } from "node:fs"\nconst file = await (await import("node:fs/promises")).open(process.execPath)\nconst is = typeof readFileSync\nawait file.close()\nis'
  assert.is(await ok(code), 'function')
  assert.is(await ok('await (Promise.resolve(4))'), 4)
  assert.equal(await ok('const [first] = [await ([1, 2])]\nfirst'), [1, 2])
})

language('an error has the frames of cells alone, with their lines as they were typed', async () => {
  const first = await run(
    'function f(n: number): number {\n  if (n > 2)\n    throw new TypeError("too many")\n  return n\n}',
  )
  const { name, message, traceback } = await fails('const before: number = 1\nf(5)')
  assert.equal([name, message], ['TypeError', 'too many'])
  const own = traceback.filter((line) => !/\/support\/|\.test\.ts:/.test(line)) // what runs cells here is no part of the kernel
  assert.equal(own, [
    'TypeError: too many',
    '  3 |     throw new TypeError("too many")',
    '    |           ^',
    `    at f (cell ${first.cell.number}, line 3:11)`,
    `    at cell ${first.cell.number + 1}, line 2:1`,
  ])
})

language('an exception in the background is told in its cell, and ends nothing', async () => {
  const { cell } = await run(
    'setTimeout(() => { throw new Error("in a timer") }); Promise.reject(new Error("unheard")); 0',
  )
  await ok('await new Promise((done) => setTimeout(done, 20))')
  assert.match(cell.text.stderr, /In the background: Error: in a timer/)
  assert.match(cell.text.stderr, /In the background: Error: unheard/)
})

language('completes and inspects with the types of the session', () => {
  assert.equal(made.complete('cluster.tr', 10), { matches: ['train'], start: 8, end: 10 })
  assert.match(made.inspect('cluster.train(3)', 10)!.text, /train\(steps: number\): Promise<number>[\s\S]*Doubles it/)
  assert.is(made.inspect('   ', 1), undefined)
  assert.equal(made.isComplete('for (;;) {'), { status: 'incomplete', indent: '  ' })
  assert.equal(made.isComplete('1 + 1'), { status: 'complete' })
})

language.after(() => {
  made.close()
  rmSync(folder, { recursive: true, force: true })
})
language.run()
