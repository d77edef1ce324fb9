import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CellOutputs, type OutputRoom } from '../../../kernel/messaging/cell-outputs.ts'
import { limit } from '../../../runtime/base/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const outputs = suite('outputs of a cell')

const PEM = '-----BEGIN PRIVATE KEY-----\n[redacted]-----END PRIVATE KEY-----\n'

outputs('text after a pause is sent at once; what follows within 20 ms is one message', () => {
  const { cell, sent, clock } = open()
  for (const text of ['a', 'b', '', 'c']) write(cell, text)
  assert.equal(sent, ['stdout a'])
  clock.advance(19)
  assert.is(sent.length, 1)
  clock.advance(1)
  assert.equal(sent, ['stdout a', 'stdout bc'])
  clock.advance(1_000)
  write(cell, 'd')
  clock.advance(1_000)
  assert.equal(sent.slice(2), ['stdout d'])
})

outputs('whatever else is put out comes after the text before it', () => {
  const { cell, sent } = open()
  write(cell, 'out')
  write(cell, 'err', 'stderr')
  write(cell, 'more', 'stderr')
  cell.put({ type: 'display', bundle: { 'text/plain': 'shown' }, displayId: 'd1', isLive: true })
  write(cell, 'tail')
  cell.put({ type: 'update', bundle: { 'text/plain': 'new' }, displayId: 'd1' })
  cell.put({ type: 'result', bundle: { 'text/plain': '3' } })
  cell.put({ type: 'clear', wait: true })
  assert.equal(sent, [
    'stdout out',
    'stderr errmore',
    'display_data {"data":{"text/plain":"shown"},"metadata":{},"transient":{"display_id":"d1","aivida_live":true}}',
    'stdout tail',
    'update_display_data {"data":{"text/plain":"new"},"metadata":{},"transient":{"display_id":"d1"}}',
    'execute_result {"execution_count":7,"data":{"text/plain":"3"},"metadata":{},"transient":{}}',
    'clear_output {"wait":true}',
  ])
})

outputs('5,000 updates are 5,000 messages, in order', () => {
  const { cell, sent } = open()
  for (let n = 0; n < 5_000; n++) cell.put({ type: 'update', bundle: { 'text/plain': `${n}` }, displayId: 'd' })
  assert.is(sent.length, 5_000)
  assert.ok(sent.every((message, n) => message.includes(`"text/plain":"${n}"`)))
})

outputs('text leaves while a cell computes and no timer fires', () => {
  const { cell, sent, clock } = open()
  write(cell, 'epoch 1\n')
  write(cell, 'epoch 2\n')
  clock.monoMs = () => 25
  write(cell, 'epoch 3\n')
  assert.equal(sent, ['stdout epoch 1\n', 'stdout epoch 2\nepoch 3\n'])
})

outputs('much text does not wait', () => {
  const { cell, sent } = open()
  const line = 'x'.repeat(1_024)
  for (let n = 0; n < 1 + 64; n++) write(cell, line)
  assert.is(sent.length, 2)
  assert.is(sent[1]!.length, 'stdout '.length + limit('kernelStreamCharacters'))
})

outputs('text longer than an output may be is cut, and says so', () => {
  const { cell, sent } = open({ output: 1 << 20, cell: 10 << 20 })
  write(cell, 'x'.repeat(3 << 20))
  write(cell, 'still here')
  cell.flush()
  const text = sent.join('')
  assert.ok(
    text.startsWith(`stdout ${'x'.repeat(1 << 20)}\n[cut: 2.0 MB more; one output may have 1.0 MB.`),
    text.slice(-200),
  )
  assert.ok(text.endsWith('still here'))
})

outputs('forms of a value that are too large are left out by name; its text is cut', () => {
  const { cell, sent } = open({ output: 1_000, cell: 1e6 })
  const html = 'h'.repeat(900)
  cell.put({ type: 'display', bundle: { 'text/plain': 'p'.repeat(900), 'text/html': html, 'image/png': 'small' } })
  const { data } = JSON.parse(sent[0]!.slice('display_data '.length))
  assert.is(data['text/html'], undefined)
  assert.is(data['image/png'], 'small')
  assert.match(data['text/plain'], /^p{500}\n\[cut: .*\n\n\[left out, too large or not JSON: text\/html\]$/s)
})

outputs('a form that is no JSON is left out by name', () => {
  const { cell, sent } = open()
  cell.put({ type: 'display', bundle: { 'text/plain': 'a', 'application/json': { n: 1n } } })
  assert.match(sent[0]!, /"text\/plain":"a\\n\[left out, too large or not JSON: application\/json\]"/)
})

outputs('what a cell puts out beyond its room is left out, and said once; updates and errors go on', () => {
  const { cell, sent } = open({ output: 100, cell: 250 })
  for (let n = 0; n < 10; n++) write(cell, `${n}`.repeat(100))
  cell.put({ type: 'display', bundle: { 'text/plain': 'no room' } })
  cell.put({ type: 'update', bundle: { 'text/plain': 'an update' }, displayId: 'd' })
  assert.is(sent.length, 4)
  assert.equal(sent.slice(0, 2), [`stdout ${'0'.repeat(100)}`, `stdout ${'1'.repeat(100)}`])
  assert.match(sent[2]!, /^stderr \[what else this cell puts out is left out/)
  assert.match(sent[3]!, /^update_display_data/)
  cell.put({ type: 'clear', wait: false })
  write(cell, 'room again')
  cell.flush()
  assert.is(sent.at(-1), 'stdout room again')
})

outputs('a secret is not sent, in one piece or in several, and what is none is sent whole', () => {
  const ticket = `aivida1${'bcdefghijk'.repeat(8)}`
  const pieces = (text: string, at: number) => [text.slice(0, at), text.slice(at)]
  for (const [written, said] of [
    [[`join ${ticket} now`], 'join aivida1[redacted] now'],
    [pieces(`join ${ticket} now`, 9), 'join aivida1[redacted] now'],
    [pieces(`join ${ticket} now`, 20), 'join aivida1[redacted] now'],
    [pieces(`join ${ticket} now`, 60), 'join aivida1[redacted] now'],
    [pieces('AWS_SECRET_ACCESS_KEY=abcdefgh done', 10), 'AWS_SECRET_ACCESS_KEY=[redacted] done'],
    [pieces('AWS_SECRET_ACCESS_KEY=abcdefgh done', 25), 'AWS_SECRET_ACCESS_KEY=[redacted] done'],
    [
      [
        '-----BEGIN PRIVATE KEY-----\n',
        'MC4CAQAwBQYDK2VwBCIE\n',
        'AwBQYDK2VwBCIEIMC4CA\n',
        '-----END PRIVATE KEY-----\n',
      ],
      PEM,
    ],
    [['50%', '\r60%', ' aivida1 and Bearer ', 'of news'], '50%\r60% aivida1 and Bearer of news'],
  ] as const) {
    for (const pauseMs of [0, 21]) {
      const { cell, sent, clock } = open()
      for (const text of written) {
        write(cell, text)
        clock.advance(pauseMs)
      }
      clock.advance(1_000)
      assert.is(sent.map((message) => message.replace('stdout ', '')).join(''), said, `${written} ${pauseMs}`)
    }
  }
})

outputs.run()

function open(room?: OutputRoom) {
  const clock = new VirtualClock()
  const sent: string[] = []
  const publish = (type: string, content: object) => {
    const { name, text } = content as { name?: string; text?: string }
    sent.push(type === 'stream' ? `${name} ${text}` : `${type} ${JSON.stringify(content)}`)
  }
  return { cell: new CellOutputs(publish, clock, 7, room), sent, clock }
}

function write(cell: CellOutputs, text: string, name: 'stdout' | 'stderr' = 'stdout'): void {
  cell.put({ type: 'stream', name, text })
}
