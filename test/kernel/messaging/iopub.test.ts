import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Subscriber, XPublisher } from 'zeromq'
import { ignoreSubscriptions, iopubGate } from '../../../kernel/messaging/iopub.ts'
import { Outbox } from '../../../kernel/messaging/outbox.ts'
import { limit, systemClock } from '../../../runtime/base/index.ts'

const test = suite('the socket of outputs')

test('a front end that reads nothing takes some megabytes, and one that reads misses nothing but replaced updates', async () => {
  const options = { sendHighWaterMark: limit('kernelUnreadMessages'), sendTimeout: 0, noDrop: true }
  const socket = new XPublisher({ ...options, linger: 0, verbosity: 'allSubs' })
  await socket.bind('tcp://127.0.0.1:*')
  const subscriber = (receiveHighWaterMark: number) => {
    const own = new Subscriber({ receiveHighWaterMark, linger: 0 })
    own.connect(socket.lastEndpoint!)
    own.subscribe()
    return own
  }
  const [reader, stalled] = [subscriber(0), subscriber(1)]
  for (const _ of [reader, stalled]) await socket.receive() // it listens
  void ignoreSubscriptions(socket)
  const outbox = new Outbox(iopubGate(socket), systemClock)
  const send = (text: string, updates?: string) =>
    outbox.send({ frames: [Buffer.from(text)], updates, isText: updates === undefined })
  const heard: string[] = []
  const listening = (async () => {
    for await (const [frame] of reader) {
      heard.push(String(frame).trimEnd())
      if (heard.at(-1) === 'end') return
    }
  })()
  const updates = 6_000 // 120 MB
  for (let n = 0; n < updates; n++) {
    send(`update ${n}`.padEnd(20_000), 'display')
    if (n % 100 === 0) send(`text ${n}`)
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  outbox.send({ frames: [Buffer.from('end')] })
  await listening
  const told = (what: string) => heard.filter((text) => text.startsWith(what)).map((text) => Number(text.split(' ')[1]))
  const shown = told('update')
  assert.is(shown.at(-1), updates - 1)
  assert.equal(
    shown,
    [...shown].sort((a, b) => a - b),
  )
  const [least, most] = [limit('kernelUnreadMessages') / 2, updates / 2]
  assert.ok(shown.length > least && shown.length < most, `${shown.length} of ${updates} updates were sent`)
  assert.equal(
    told('text'),
    Array.from({ length: updates / 100 }, (_, n) => 100 * n),
  )
  outbox.close()
  for (const each of [socket, reader, stalled]) each.close()
})

test.run()
