import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  hasDefaults,
  type Notebook,
  parseNotebook,
  parseParameter,
  withParameters,
} from '../../../kernel/notebook/index.ts'

const parameters = suite('parameters of a notebook')

parameters('a value is JSON, or else the text that it is', () => {
  assert.equal(parseParameter('rate=0.1'), { name: 'rate', value: 0.1 })
  assert.equal(parseParameter('sizes=[1,2]'), { name: 'sizes', value: [1, 2] })
  assert.equal(parseParameter('on=true'), { name: 'on', value: true })
  assert.equal(parseParameter('file=a=b.csv'), { name: 'file', value: 'a=b.csv' })
  assert.equal(parseParameter('year="2024"'), { name: 'year', value: '2024' })
  assert.equal(parseParameter('none='), { name: 'none', value: '' })
  for (const wrong of ['rate', '=1', '1st=2', 'a b=1', 'x;process.exit()=1'])
    assert.throws(() => parseParameter(wrong), /expected NAME=VALUE/, wrong)
})

parameters('the cell behind the defaults sets them, and the next run replaces it', () => {
  const first = withParameters(sample(), { rate: 0.5, name: 'a"b\n' })
  assert.equal(sources(first), [
    'import',
    'let rate = 0.1, name = ""',
    '// Parameters\nlet rate = 0.5\nlet name = "a\\"b\\n"',
    'rate',
  ])
  assert.equal(first.cells[2]!.metadata, { tags: ['injected-parameters'] })
  const second = withParameters(first, { rate: 2 })
  assert.equal(sources(second), ['import', 'let rate = 0.1, name = ""', '// Parameters\nlet rate = 2', 'rate'])
  assert.equal(sources(withParameters(second, {})), sources(sample()))
})

parameters('without a cell of defaults they come before everything', () => {
  const { cells } = sample()
  const bare = { ...sample(), cells: cells.filter((cell) => cell.metadata.tags === undefined) }
  assert.equal([hasDefaults(sample()), hasDefaults(bare)], [true, false])
  assert.equal(sources(withParameters(bare, { depth: 3 })), ['// Parameters\nlet depth = 3', 'import', 'rate'])
})

parameters('a name that the defaults do not have is a mistake', () => {
  assert.throws(() => withParameters(sample(), { rat: 0.5 }), /declares, found rat; it says: let rate = 0.1/)
})

parameters.run()

function sample(): Notebook {
  const cell = (source: string, tags?: readonly string[]) => ({
    cell_type: 'code',
    source,
    metadata: tags ? { tags } : {},
  })
  const cells = [cell('import'), cell('let rate = 0.1, name = ""', ['parameters']), cell('rate')]
  return parseNotebook(JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }), 'a.ipynb').notebook
}

function sources({ cells }: Notebook): string[] {
  return cells.map(({ source }) => source)
}
