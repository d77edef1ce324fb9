import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatNotebook, parseNotebook } from '../../../kernel/notebook/index.ts'
import { isAividaError } from '../../../runtime/base/index.ts'

const notebook = suite('notebook files')

/** A file as Jupyter writes it. */
const WRITTEN = `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "intro",
   "metadata": {},
   "source": [
    "# Title\\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "a1",
   "metadata": {
    "tags": [
     "parameters"
    ],
    "vendor": {
     "big": 12345678901234567890,
     "exact": 1.0
    }
   },
   "outputs": [
    {
     "data": {
      "application/json": {
       "rate": 1.50
      },
      "image/png": "aGk=",
      "text/plain": [
       "one\\n",
       "two"
      ]
     },
     "execution_count": 3,
     "metadata": {},
     "output_type": "execute_result"
    }
   ],
   "source": []
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Aivida",
   "language": "typescript",
   "name": "aivida"
  },
  "someone": {}
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`

notebook(
  'a file that Jupyter wrote is written back byte for byte, fields and numbers that nobody here knows included',
  () => {
    const { notebook: read, notices } = parseNotebook(WRITTEN, 'a.ipynb')
    assert.equal(notices, [])
    assert.is(read.cells[0]!.source, '# Title\ntext')
    assert.is(formatNotebook(read), WRITTEN)
  },
)

notebook('text is broken into lines where Python breaks it', () => {
  const source = 'a\r\nb\rc\fd\u2028e\u0085\nf'
  const { notebook: read } = parseNotebook(bare([{ source }]), 'a.ipynb')
  const written = JSON.parse(formatNotebook(read))
  assert.equal(written.cells[0].source, ['a\r\n', 'b\r', 'c\f', 'd\u2028', 'e\u0085', '\n', 'f'])
})

notebook('cells of 4.0 to 4.4 get ids, each its own, and the same ones each time', () => {
  const old = bare([{ source: 'x' }, { source: 'x' }, { source: ['y\n', 'z'], cell_type: 'raw' }], 2)
  const [first, second] = [parseNotebook(old, 'a.ipynb'), parseNotebook(old, 'a.ipynb')]
  const ids = first.notebook.cells.map(({ id }) => id)
  assert.is(new Set(ids).size, 3)
  assert.equal(
    second.notebook.cells.map(({ id }) => id),
    ids,
  )
  assert.match(ids[0]!, /^[a-f0-9]{8}$/)
  assert.is(first.notebook.nbformat_minor, 5)
  assert.equal(first.notices, ['upgraded from nbformat 4.2 to 4.5: its cells have ids now'])
  assert.equal(first.notebook.cells[0]!.outputs, [], 'a code cell has outputs')
  assert.is(first.notebook.cells[2]!.outputs, undefined)
})

notebook('an id that is twice there, or malformed, is given anew', () => {
  const { notebook: read } = parseNotebook(bare([{ id: 'a' }, { id: 'a' }, { id: 'not one' }]), 'a.ipynb')
  const ids = read.cells.map(({ id }) => id)
  assert.is(ids[0], 'a')
  assert.is(new Set(ids).size, 3)
  for (const id of ids) assert.match(id, /^[a-zA-Z0-9-_]{1,64}$/)
})

notebook('a newer minor version is kept and told', () => {
  const { notebook: read, notices } = parseNotebook(bare([{ cell_type: 'canvas', strokes: [1] }], 7), 'a.ipynb')
  assert.match(notices[0]!, /4\.7 is newer than 4\.5/)
  const written = JSON.parse(formatNotebook(read))
  assert.is(written.nbformat_minor, 7)
  assert.equal(written.cells[0].strokes, [1])
})

notebook('a byte order mark before it is no part of it', () => {
  assert.equal(parseNotebook(`\uFEFF${WRITTEN}`, 'a.ipynb'), parseNotebook(WRITTEN, 'a.ipynb'))
})

notebook('another major version, and what is no notebook, is refused in words', () => {
  const refusal = (content: string) => {
    try {
      parseNotebook(content, 'a.ipynb')
    } catch (error) {
      if (isAividaError(error)) return `${error.code}: ${error.message} ${error.facts.remedy ?? ''}`
    }
    return 'taken'
  }
  assert.match(refusal('{"nbformat":3,"worksheets":[]}'), /^notebook.format: .*found 3 jupyter nbconvert --to notebook/)
  assert.match(refusal('{"nbformat":5,"cells":[]}'), /^notebook.format: .*found 5 save it as nbformat 4/)
  assert.match(refusal('# %% a script'), /^notebook.malformed: .*a.ipynb .*not JSON/)
  assert.match(refusal('{"nbformat":4,"nbformat_minor":5,"metadata":{}}'), /^notebook.malformed: .*cells/)
  assert.match(refusal(bare([{ source: 7 }])), /^notebook.malformed: .*cells\.0\.source/)
  assert.match(refusal('[]'), /^notebook.malformed/)
})

notebook.run()

function bare(cells: readonly object[], minor = 5): string {
  const whole = cells.map((cell) => ({ cell_type: 'code', source: '', metadata: {}, ...cell }))
  return JSON.stringify({ nbformat: 4, nbformat_minor: minor, metadata: {}, cells: whole })
}
