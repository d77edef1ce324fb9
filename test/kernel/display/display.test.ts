import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type CellOutput, inCell } from '../../../kernel/cell.ts'
import { display } from '../../../kernel/display/display.ts'
import { DISPLAY } from '../../../kernel/display/mime-bundle.ts'

const test = suite('display')
const run = async (cell: () => unknown): Promise<CellOutput[]> => {
  const outputs: CellOutput[] = []
  const put = (output: CellOutput) => void outputs.push(output)
  await inCell({ number: 1, signal: new AbortController().signal, put }, async () => cell())
  return outputs
}
const bundle = (output: CellOutput | undefined) => (output && 'bundle' in output ? output.bundle : undefined)

test('a value is shown in its cell, and updated in its place, also after the cell', async () => {
  let handle: ReturnType<typeof display> | undefined
  const outputs = await run(() => {
    handle = display({ a: 1 })
    handle.update('two')
  })
  handle!.update(3)
  assert.equal(
    outputs.map((output) => [output.type, bundle(output)?.['text/plain'], 'displayId' in output && output.displayId]),
    [
      ['display', '{ a: 1 }', handle!.id],
      ['update', "'two'", handle!.id],
      ['update', '3', handle!.id],
    ],
  )
})

test('what comes late keeps its place, and does not cover what came after it', async () => {
  const late = { [DISPLAY]: async () => ({ 'text/plain': 'late' }) }
  const outputs = await run(async () => {
    display(late)
    display('after')
    display(late).update('newer')
    await new Promise((resolve) => setImmediate(resolve))
  })
  assert.equal(
    outputs.map((output) => `${output.type} ${bundle(output)?.['text/plain']}`),
    ['display ...', "display 'after'", 'display ...', "update 'newer'", 'update late'],
  )
})

test('HTML, Markdown, SVG, JSON and Vega-Lite, each with plain text', async () => {
  const outputs = await run(() => {
    display.html('<style>b{}</style><b>bold</b> text')
    display.markdown('# title')
    display.svg('<svg></svg>')
    display.json({ big: 1n, password: 'hunter2' })
    display.vegalite({ mark: 'bar', title: 'counts' })
    display.clear({ wait: true })
  })
  assert.equal(bundle(outputs[0]), { 'text/html': '<style>b{}</style><b>bold</b> text', 'text/plain': 'bold text' })
  assert.equal(bundle(outputs[1]), { 'text/markdown': '# title', 'text/plain': '# title' })
  assert.is(bundle(outputs[2])?.['image/svg+xml'], '<svg></svg>')
  assert.equal(bundle(outputs[3])?.['application/json'], { big: '1', password: '[redacted]' })
  assert.equal(bundle(outputs[4]), {
    'application/vnd.vegalite.v5+json': { mark: 'bar', title: 'counts' },
    'text/plain': 'a Vega-Lite bar: counts',
  })
  assert.equal(outputs[5], { type: 'clear', wait: true })
})

test('no secret stays in a notebook, whichever way it is shown', async () => {
  const ticket = `aivida1${'B'.repeat(80)}`
  const outputs = await run(() => {
    display({ ticket, text: `join ${ticket}` })
    display.html(`<p>${ticket}</p>`)
    display.markdown(ticket)
    display.json([ticket])
    display({ [DISPLAY]: () => ({ 'text/plain': ticket, 'text/html': ticket, 'application/json': { ticket } }) })
  })
  assert.is(outputs.length, 5)
  assert.not.match(JSON.stringify(outputs), 'BBBBBBBB')
})

test.run()
