import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { letCompute, stopComputing } from '../../kernel/language/stop-switch.ts'
import { STOP } from '../../kernel/language/stopping.ts'
import { tslabLanguage } from '../../kernel/language/tslab-language.ts'
import type { Magic } from '../../kernel/magics/magic.ts'
import { AividaError, userError } from '../../runtime/base/errors.ts'
import { cellsOf } from '../support/cells.ts'

const folder = mkdtempSync(join(tmpdir(), 'aivida-errors-'))
const MAGICS: readonly Magic[] = [
  {
    name: 'twice',
    kind: 'cell',
    usage: '%%twice',
    summary: 'runs a cell twice',
    expand: (args, body) => {
      if (args !== '') throw userError('magic.usage', 'usage: %%twice')
      return `for (const turn of [1, 2]) {\n${body} }`
    },
  },
  {
    name: 'note',
    kind: 'line',
    usage: '%note TEXT',
    summary: 'notes',
    expand: (args) => `console.log(${JSON.stringify(args)})`,
  },
]
const remedy = {
  code: 'node.not-running',
  category: 'user',
  message: 'no node runs here',
  facts: { remedy: 'aivida up' },
} as const
writeFileSync(join(folder, 'session.d.ts'), 'declare var AividaError: any, remedy: any')
const language = tslabLanguage({
  session: {
    globals: { AividaError, remedy },
    typesFile: join(folder, 'session.d.ts'),
    magics: MAGICS,
  },
  cwd: folder,
})
const { run, ok, fails } = cellsOf(language)
const told = async (code: string) =>
  (await fails(code)).traceback
    .filter((line) => !/\/support\/|\.test\.ts:/.test(line))
    .join('\n')
    .replace(/\bcell \d+/g, 'cell N')

const errors = suite('kernel/language-errors')

errors('what the compiler finds is told by line and column of the cell as it was typed', async () => {
  const { name, message, traceback } = await fails('const a = 1\nconst b: string = a\na.nothing')
  assert.is(name, 'TypeScriptError')
  assert.is(
    message,
    "2:7 - Type 'number' is not assignable to type 'string'.\n3:3 - Property 'nothing' does not exist on type '1'.",
  )
  assert.equal(traceback.slice(0, 3), [
    "TypeScriptError: 2:7 - Type 'number' is not assignable to type 'string'.",
    '  2 | const b: string = a',
    '    |       ^',
  ])
  assert.match((await fails('let f = (x: { a: { b: string } }) => 1\nf({ a: { b: 2 } })')).message, /^2:10 - /)
  assert.match((await fails('const = 1')).message, /^1:7 - Variable declaration expected/)
})

errors('with magics and newer syntax too', async () => {
  assert.match((await fails('%%twice\nlet a = 1\n  oops')).message, /^3:3 - Cannot find name 'oops'/)
  assert.match((await fails('%note x\nusing u = null; oops')).message, /^2:17 - Cannot find name 'oops'/)
  assert.match(
    await told('%%twice\nlet a = 1\nif (turn === 2) throw new Error("second")'),
    / {2}3 \| if .*\n.*\^\n {4}at cell N, line 3:23$/,
  )
  assert.match(await told('%note x\n\n(null as any).x'), /at cell N, line 3:\d/)
  assert.equal((await fails('%%twice of them\n1')).message, 'usage: %%twice')
  assert.match((await fails('%%thrice\n1')).message, /no magic %%thrice\. There are:\n {2}%%twice[\s\S]*%note TEXT/)
})

errors('frames are those of cells, through functions of other cells, methods, callbacks and awaits', async () => {
  await ok(
    'class A {\n  deep() {\n    return [1].map(() => { throw new RangeError("deep") })\n  }\n}\nasync function later() {\n  await 0\n  new A().deep()\n}',
  )
  assert.is(
    await told('await later()'),
    `RangeError: deep
  3 |     return [1].map(() => { throw new RangeError("deep") })
    |                                  ^
    at cell N, line 3:34
    at Array.map (<anonymous>)
    at A.deep (cell N, line 3:16)
    at later (cell N, line 8:11)
    at async cell N, line 1:1`.replace('    at Array.map (<anonymous>)\n', ''),
  )
})

errors('an error’s own stack says cells and lines too', async () => {
  const { cell } = await run('console.log(new Error("shown").stack)')
  assert.match(cell.text.stdout, /^Error: shown\n {4}at cell \d+, line 1:13\n/)
  assert.not.match(cell.text.stdout, /aivida:cell|evalmachine/)
})

errors('causes and inner errors follow, each once', async () => {
  const text = await told(
    'const inner = new RangeError("inner")\nconst all = new AggregateError([inner, "text", new Error("two", { cause: inner })], "all")\nthrow all',
  )
  assert.match(text, /^AggregateError: all\n/)
  assert.match(text, /\n {2}\[1 of 3\] RangeError: inner\n/)
  assert.match(text, /\n {2}\[2 of 3\] Thrown: text\n {2}\[3 of 3\] Error: two\n/)
  assert.is(text.match(/RangeError: inner/g)!.length, 1)
  assert.match(await told('const e = new Error("self"); e.cause = e; throw e'), /^Error: self\n/)
})

errors('what to do stands below an error of ours, once', async () => {
  const { name, message, traceback } = await fails('throw new AividaError(remedy)')
  assert.equal([name, message], ['AividaError', 'no node runs here\naivida up'])
  assert.equal(traceback.slice(0, 2), ['AividaError (node.not-running): no node runs here', 'aivida up'])
  const whole = await fails('throw new AividaError({ ...remedy, message: "none: aivida up" })')
  assert.is(whole.message, 'none: aivida up')
})

errors('things that are no errors are thrown as they are', async () => {
  assert.equal(await fails('throw "text"'), {
    status: 'error',
    name: 'Thrown',
    message: 'text',
    traceback: ['Thrown: text'],
  })
  assert.is((await fails('throw { a: [1] }')).message, '{ a: [ 1 ] }')
  assert.is((await fails('throw undefined')).message, 'undefined')
  assert.is((await fails('await Promise.reject(null)')).message, 'null')
  assert.match(
    (await fails('throw { get [Symbol.toStringTag]() { throw 1 }, get a() { throw 2 } }')).name,
    /Thrown|Error/,
  )
  const odd = 'throw Object.defineProperty(new Error("x"), "message", { get() { throw new Error("no") } })'
  assert.match((await fails(odd)).message, /cannot be shown: no/)
})

errors('an endless recursion is one line of it', async () => {
  const text = await told('const f = (n: number): number => f(n + 1) + 1\nf(0)')
  assert.match(
    text,
    /^RangeError: Maximum call stack size exceeded\n[\s\S]* at f \(cell N, line 1:\d+\) \(\d+ times\)$/,
  )
  assert.ok(text.split('\n').length < 8)
})

errors('a syntax error at run time has its line', async () => {
  assert.match(await told('new Function("return (")()'), /^SyntaxError: /)
  assert.match((await fails('const o = { m() { await 0 } }')).name, /SyntaxError|TypeScriptError/)
})

errors('what failed leaves the language as it was', async () => {
  assert.is(await ok('const kept = 1; kept'), 1)
  await fails('const kept = "other"; throw new Error("x")')
  assert.is(await ok('40 + 2'), 42)
})

errors('an interrupt ends the waiting, and what the cell goes on to do stays its own', async () => {
  const controller = new AbortController()
  const waiting = run(
    'const { promise, resolve } = Promise.withResolvers<void>()\nsetTimeout(() => { console.log("goes on"); resolve() }, 30)\nawait promise',
    controller.signal,
  )
  await new Promise((done) => setTimeout(done, 10))
  controller.abort()
  const { ended, cell } = await waiting
  assert.equal(ended, {
    status: 'error',
    name: 'KeyboardInterrupt',
    message: 'interrupted',
    traceback: ['KeyboardInterrupt: interrupted'],
  })
  assert.is(await ok('await new Promise((done) => setTimeout(done, 40)); "next"'), 'next')
  assert.is(cell.text.stdout, 'goes on\n')
})

errors('whatever computes can be stopped, and nothing else is harmed', async () => {
  const loops = [
    'stopSoon(); for (;;) ;',
    'await 0\nstopSoon(); while (true) { try { JSON.parse("") } catch {} }',
    'stopSoon(); while (true) await 0',
    'await new Promise((done) => setTimeout(done, 1))\nstopSoon(); const f = (n: number): number => n < 2 ? n : f(n - 1) + f(n - 2)\nf(90)',
    'class C { *m() { stopSoon(); for (;;) yield 1 } }\nfor (const _ of new C().m());',
    'stopSoon(); do { [3, 1, 2].sort() } while (1)',
    'class B { constructor(n: number) { if (n > 0) { new B(n - 1); new B(n - 1) } } }\nstopSoon(); new B(60)',
    'class P { constructor(readonly n: number) {} }\nclass D extends P { b = 2; constructor(n: number, readonly m = n) { super(n); if (m > 0) { new D(m - 1); new D(m - 1) } } }\nstopSoon(); new D(60)',
    'const got: any = { n: 60, get deep() { if (got.n-- > 0) { got.deep; got.deep }\nreturn got.n++ } }\nstopSoon(); got.deep',
    'const set: any = { n: 60, set deep(to: number) { if (set.n-- > 0) { set.deep = 1; set.deep = 1 }\nset.n++ } }\nstopSoon(); set.deep = 1',
  ]
  for (const loop of loops) {
    let asked = 0
    Object.assign(globalThis, {
      stopSoon: () => {
        // Another thread's inspector does it in the middle of the loop; here the loop itself, by what it asks.
        Object.defineProperty(globalThis, STOP, {
          configurable: true,
          writable: true,
          value: () => ++asked === 1_000 && stopComputing(),
        })
      },
    })
    const { ended } = await run(`const { stopSoon } = globalThis as any\n${loop}`)
    letCompute()
    assert.is((ended as { name?: string }).name, 'KeyboardInterrupt', loop)
    assert.is(asked, 1_000, loop)
  }
  const derived =
    'class Point { constructor(readonly x: number) {} }\nclass Dot extends Point { y = 2; constructor(x: number, readonly z = 3) { super(x) } static { "use strict" } }\nconst dot = new Dot(1); [dot.x, dot.y, dot.z, String(Dot).split("$stop").length].join()'
  assert.is(await ok(derived), '1,2,3,3', 'a constructor and a static block ask, too')
  assert.is(await ok('let sum = 0; for (let n = 0; n < 10; n++) sum += n\nsum'), 45)
})

errors('what a function of a cell asks has no meaning elsewhere, and the text of a cell no other lines', async () => {
  const { runInNewContext } = await import('node:vm')
  const text = await ok(
    'const elsewhere = function () { "use strict"; let n = 0; while (n < 3) n++; return n }\nString(elsewhere)',
  )
  assert.is(runInNewContext(`(${text})()`), 3)
  const { traceback } = await fails('for (const a of [1])\n  for (const b of [2]) if (b) throw new Error("here")')
  assert.match(traceback.join('\n'), /cell \d+, line 2:37/)
})

errors.after(() => {
  language.close()
  rmSync(folder, { recursive: true, force: true })
})
errors.run()
