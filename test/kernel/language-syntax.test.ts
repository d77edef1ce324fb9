import { createRequire } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cellSource, draftSource } from '../../kernel/language/cell-source.ts'
import { magicsIn } from '../../kernel/language/magic-lines.ts'
import { NEWER_LIBRARY } from '../../kernel/language/newer-library.ts'
import { lowerNewerSyntax } from '../../kernel/language/newer-syntax.ts'
import { both, rewrite } from '../../kernel/language/rewrite.ts'
import type { Magic } from '../../kernel/magics/magic.ts'

const ts = createRequire(import.meta.url)('@tslab/typescript-for-tslab')
const magic = (kind: Magic['kind'], name: string, expand: Magic['expand']): Magic => {
  return { kind, name, expand, usage: `${kind === 'cell' ? '%%' : '%'}${name}`, summary: `does ${name}` }
}
const MAGICS = [
  magic('cell', 'time', (_args, body) => `start()\n${body}; stop()`),
  magic('cell', 'sql', (_args, body) => `await sql(${JSON.stringify(body)})${'\n'.repeat(body.split('\n').length)}`),
  magic('line', 'jobs', (args) => `show(${JSON.stringify(args)})`),
]

const syntax = suite('kernel/language-syntax')

syntax('a rewrite knows which place of the new text is which of the old', () => {
  const first = rewrite('let a = 1\nlet b', [{ start: 0, end: 3, text: 'const' }])
  assert.is(first.text, 'const a = 1\nlet b')
  assert.is(first.toOld(first.text.indexOf('a')), 4)
  assert.is(first.toNew(4), 6)
  assert.is(first.toNew(1), undefined)
  const second = both(first, rewrite(first.text, [{ start: 0, end: 0, text: '/* */ ' }]))
  assert.is(second.toOld(second.text.indexOf('b')), 14)
  assert.is(second.toNew(14), second.text.indexOf('b'))
})

syntax('a replaced part of several lines keeps its lines', () => {
  const text = rewrite('%%x\none\ntwo', [{ start: 0, end: 11, text: 'A;\nB;\nC;' }])
  assert.is(text.toOld(text.text.indexOf('B')), 4)
  assert.is(text.toOld(text.text.indexOf('C')), 8)
})

syntax('an await before a bracket is one, at the top level alone', () => {
  const text = (code: string) => cellSource(code, [], ts).rewrite.text
  assert.is(text('await (await x()).y()'), 'await Promise.resolve((await x()).y())')
  assert.is(text('const a = await [1], b = 2'), 'const a = await Promise.resolve([1]), b = 2')
  assert.is(text('await\nx'), 'await\nPromise.resolve(x)')
  for (const same of ['await x', 'await f(1)', 'async () => { await (x) }', 'await "text"', 'const o = { await: (1) }'])
    assert.is(text(same), same)
})

syntax('magics stand at the beginning of a cell or of a line, outside of strings and comments', () => {
  const names = (code: string) => magicsIn(code, ts).map(({ kind, name, args }) => [kind, name, args])
  assert.equal(names('%%sql from table \nselect 1\n%no'), [['cell', 'sql', 'from table']])
  assert.equal(names('\n%%time'), [['cell', 'time', '']])
  assert.equal(names('%jobs all\nx()\n%time'), [
    ['line', 'jobs', 'all'],
    ['line', 'time', ''],
  ])
  assert.equal(names('const rest = 7\n  % 4\nconst more = 7\n% 4'), [])
  assert.equal(names(`\`\n%jobs\n\`; \`\${1}\n%jobs\``), [])
  assert.equal(names('/*\n%jobs\n*/ // x\n%jobs'), [['line', 'jobs', '']])
})

syntax('magics are expanded; what TypeScript stands below them keeps its places', () => {
  const timed = cellSource('%%time\nf(x)', MAGICS, ts).rewrite
  assert.is(timed.text, 'start()\nf(x); stop()')
  assert.is(timed.toOld(timed.text.indexOf('x')), 9)
  assert.is(timed.toNew(9), 10)
  const query = cellSource('%%sql\nselect 1', MAGICS, ts).rewrite
  assert.match(query.text, 'await sql("select 1")')
  assert.is(cellSource('a()\n%jobs 1 2\nb()', MAGICS, ts).rewrite.text, 'a()\n;show("1 2");\nb()')
})

syntax('an unknown magic lists those that there are; one of the other kind says so', () => {
  assert.throws(
    () => cellSource('%%sqll\nx', MAGICS, ts),
    /there is no magic %%sqll\. There are:\n {2}%%time .*does time/,
  )
  assert.throws(() => cellSource('%sql x', MAGICS, ts), /no magic %sql; %%sql takes a whole cell/)
  assert.is(draftSource('%%sqll\nx', MAGICS, ts).rewrite.text, '//sqll\nx')
})

const lowered = (code: string) => {
  const { edits, refusals } = lowerNewerSyntax(code, ts)
  return { text: rewrite(code, edits).text, refusals: refusals.map(({ at, message }) => `${at} ${message}`) }
}

syntax('using becomes a stack that is disposed of behind the block, on the same lines, with types', async () => {
  const code = `function f(log: string[], fail: boolean) {
  using a: Disposable = { [Symbol.dispose]: () => log.push('a') }
  using b = { [Symbol.dispose]: () => log.push('b') }, c = null
  if (fail) throw new Error('inside')
  return log.length
}`
  const { text, refusals } = lowered(code)
  assert.equal(refusals, [])
  assert.is(text.split('\n').length, code.split('\n').length)
  assert.match(text, /const a: Disposable = /)
  const run = new Function(`${ts.transpile(text, { target: 'es2022' })}; return f`)()
  const log: string[] = []
  assert.is(run(log, false), 0)
  assert.equal(log, ['b', 'a'])
  assert.throws(() => run(log, true), /inside/)
  assert.equal(log, ['b', 'a', 'b', 'a'])
})

syntax('an error while disposing does not hide the one before', async () => {
  const text = ts.transpile(
    lowered(`async function f() {
  await using a = { async [Symbol.asyncDispose]() { throw new Error('closing') } }
  throw new Error('inside')
}`).text,
    { target: 'es2022' },
  )
  const error = await new Function(`${text}; return f()`)().catch((thrown: unknown) => thrown)
  assert.is(error.name, 'SuppressedError')
  assert.is(error.error.message, 'closing')
  assert.is(error.suppressed.message, 'inside')
})

syntax('at the top level what is used lasts until the cell has ended', () => {
  assert.is(lowered('using a = f()').text, 'const a = require.using(f())')
  assert.is(lowered('await using a = f()').text, 'const       a = require.usingAsync(f())')
})

syntax('using as a name, in strings and in comments is left alone', () => {
  for (const code of ['const using = 1; using + 1', '`using x = 1`', '// using x = 1', 'f("using x")', 'using.x = 2'])
    assert.equal(lowered(code), { text: code, refusals: [] })
})

syntax('attributes of imports are left out, as long as they were', () => {
  const code =
    "import a from './a.json' with { type: 'json' }\nexport * from 'x' with {\n}\nconst s = \"from 'x' with {}\""
  const { text } = lowered(code)
  assert.is(text.length, code.length)
  assert.is(text.trimEnd().split('\n')[0]!.trimEnd(), "import a from './a.json'")
  assert.match(text, '"from \'x\' with {}"')
})

syntax('what cannot be said otherwise is refused, and what to write is said', () => {
  assert.match(
    lowered('import defer * as z from "zlib"').refusals[0]!,
    /^0 'import defer' .* write `const name = await import/,
  )
  assert.match(lowered('for (using x of y) {}').refusals[0]!, /^5 'using' here .*first statement of a block/)
  assert.match(
    lowered('function f() {\n  await using x = y\n}').refusals[0]!,
    /^17 .*only allowed within async functions/,
  )
  assert.match(lowered('{ using { a } = b }').refusals.join() || 'none', /none/)
})

syntax('every name of the newer library is there in Node', () => {
  const names = [...NEWER_LIBRARY.matchAll(/^declare var (\w+)/gm)].map((match) => match[1]!)
  assert.ok(names.length > 2)
  for (const name of names) assert.ok(name in globalThis, name)
  const methods: [string, object][] = [
    ['SymbolConstructor', Symbol],
    ['PromiseConstructor', Promise],
    ['ObjectConstructor', Object],
    ['MapConstructor', Map],
    ['ArrayConstructor', Array],
    ['String', String.prototype],
    ['RegExpConstructor', RegExp],
    ['ErrorConstructor', Error],
    ['Set<T>', Set.prototype],
    ['IteratorHelpers<T>', Iterator.prototype],
    ['ArrayBuffer', ArrayBuffer.prototype],
    ['Math', Math],
  ]
  for (const [type, value] of methods) {
    const body = NEWER_LIBRARY.slice(NEWER_LIBRARY.indexOf(`interface ${type} {`)).split(/\n?\}\n/)[0]!
    const declared = [...body.matchAll(/(?:[{;]|^)\s*(?:readonly )?(\w+)(?:[(<]|: )/gm)].map((match) => match[1]!)
    assert.ok(declared.length > 0, type)
    for (const name of new Set(declared)) assert.ok(name in value, `${type}.${name}`)
  }
})

syntax.run()
