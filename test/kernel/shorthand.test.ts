import ts from '@tslab/typescript-for-tslab'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cellSource } from '../../kernel/language/cell-source.ts'

const shorthand = suite('shorthand properties')

const written = (code: string) => cellSource(code, [], ts as never).rewrite

shorthand('they are spelled out, so that a variable of an earlier cell is found', () => {
  assert.is(written('f({ rows, x: 1, labels })').text, 'f({ rows: rows, x: 1, labels: labels })')
  assert.is(written('({ a, b = 2 } = given)').text, '({ a: a, b: b = 2 } = given)')
})

shorthand('patterns, imports and strings are left alone', () => {
  for (const code of ['const { a, b } = c', "import { a } from 'b'", "'{ a }'", 'export { a }', '{ a }', 'f({ ...a })'])
    assert.is(written(code).text, code)
})

shorthand('places keep their meaning', () => {
  const { toOld, toNew } = written('f({ rows })')
  assert.is(toNew(8), 14, 'behind the word')
  assert.is(toOld(14), 8)
  assert.is(toOld(10), 4, 'the value is where the word was')
})

shorthand.run()
