import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MessageMaker } from '../../../kernel/messaging/message.ts'
import { Wire } from '../../../kernel/messaging/wire.ts'
import { isAividaError, limit } from '../../../runtime/base/index.ts'

const maker = new MessageMaker()
const wire = new Wire('a key')
const request = maker.make('execute_request', { code: 'é😀' })
const message = {
  ...maker.make('stream', { name: 'stdout', text: 'line\n' }, { route: [Buffer.from('peer')], parent: request.header }),
  metadata: { a: [1] },
  buffers: [new Uint8Array([0, 255])],
}

const codec = suite('wire')

codec('a message comes back as it was, with route, parent, metadata and buffers', () => {
  const read = wire.decode(wire.encode(message))
  assert.equal(read.header, message.header)
  assert.equal(read.parent, request.header)
  assert.equal(read.content, message.content)
  assert.equal(read.metadata, message.metadata)
  assert.is(Buffer.from(read.route[0]!).toString(), 'peer')
  assert.equal([...read.buffers[0]!], [0, 255])
  assert.is(wire.decode(wire.encode(request)).parent, undefined)
})

codec('the frames are those of the specification', () => {
  const frames = new Wire('key').encode({ ...request, header: { msg_id: '1', msg_type: 'x' } as never, content: {} })
  assert.equal(
    frames.map((frame) => Buffer.from(frame).toString()),
    [
      '<IDS|MSG>',
      // printf '{"msg_id":"1","msg_type":"x"}{}{}{}' | openssl dgst -sha256 -hmac key
      '472a1ead4690d565816b5e8706e67487756cd47f48ba8d090e502069ad007bb9',
      '{"msg_id":"1","msg_type":"x"}',
      '{}',
      '{}',
      '{}',
    ],
  )
})

codec('what was signed with another key, or altered in any part, is refused', () => {
  const frames = wire.encode(message)
  refuses(new Wire('another key'), frames, 'kernel.message-signature')
  for (const at of [3, 4, 5, 6]) {
    const altered = frames.map((frame, index) => (index === at ? Buffer.concat([frame, Buffer.from(' ')]) : frame))
    refuses(wire, altered, 'kernel.message-signature')
  }
  refuses(wire, frames.with(2, Buffer.from('short')), 'kernel.message-signature')
  refuses(wire, frames.with(2, Buffer.alloc(0)), 'kernel.message-signature')
})

codec('what is no message is refused', () => {
  refuses(wire, [], 'kernel.message-malformed')
  refuses(wire, [Buffer.from('x')], 'kernel.message-malformed')
  refuses(wire, wire.encode(message).slice(0, 6), 'kernel.message-malformed')
  refuses(wire, wire.encode({ ...message, header: {} as never }), 'kernel.message-malformed')
  refuses(wire, wire.encode({ ...message, content: [] as never }), 'kernel.message-malformed')
  refuses(wire, wire.encode({ ...message, parent: { msg_id: 1 } as never }), 'kernel.message-malformed')
  const route = Array.from({ length: limit('kernelIdentities') + 1 }, () => Buffer.from('hop'))
  refuses(wire, wire.encode({ ...message, route }), 'kernel.message-malformed')
})

codec('what is too large is refused before it is read', () => {
  const buffers = Array.from({ length: limit('kernelFrames') }, () => new Uint8Array())
  refuses(wire, wire.encode({ ...message, buffers }), 'kernel.message-size')
  const half = new Uint8Array(limit('kernelMessageBytes') / 2)
  refuses(wire, wire.encode({ ...message, buffers: [half, half] }), 'kernel.message-size')
})

codec('half a character is replaced, and no other text is', () => {
  const content = { text: 'a\ud83d', deep: [{ text: '\ude00b' }], whole: '😀', told: '\\ud83d' }
  const read = wire.decode(wire.encode({ ...message, content })).content
  assert.equal(read, { text: 'a\ufffd', deep: [{ text: '\ufffdb' }], whole: '😀', told: '\\ud83d' })
})

codec.run()

function refuses(reader: Wire, frames: readonly Uint8Array[], code: string): void {
  assert.throws(
    () => reader.decode(frames),
    (error: unknown) => isAividaError(error, code),
    code,
  )
}
