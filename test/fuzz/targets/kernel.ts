/** What a front end, or whoever reaches the ports of a kernel, sends to it; and what a kernel sends to a client. */
import { createHmac } from 'node:crypto'
import { outputIn } from '../../../kernel/client/run-output.ts'
import { connectionSchema } from '../../../kernel/messaging/connection.ts'
import { type Message, MessageMaker } from '../../../kernel/messaging/message.ts'
import { parseRequest } from '../../../kernel/messaging/requests.ts'
import { Wire } from '../../../kernel/messaging/wire.ts'
import { assertSame, type Sample, type Target } from '../target.ts'

const KEY = 'a key'
const LENGTH_BYTES = 2
const wire = new Wire(KEY)
const maker = new MessageMaker()

const asked = maker.make(
  'execute_request',
  {
    ...{ code: 'const a = "é😀"\na', silent: false, store_history: true, user_expressions: { b: 'a + 1' } },
    ...{ allow_stdin: false, stop_on_error: true },
  },
  { route: [Buffer.from('front end')] },
)
const messages: readonly Message[] = [
  { ...asked, metadata: { cellId: 'c1' }, buffers: [new Uint8Array([1, 2, 3])] },
  maker.make('history_request', { output: true, raw: true, hist_access_type: 'search', pattern: '*a*', n: 3 }),
  maker.make('complete_request', { code: 'cluster.', cursor_pos: 8 }),
  maker.make('display_data', { data: { 'text/plain': 'x' }, metadata: {} }, { parent: asked.header }),
  maker.make('error', { ename: 'Error', evalue: 'e', traceback: ['a', 'b'] }, { parent: asked.header }),
]

/** Frames behind each other, each with its length before it. */
function joined(frames: readonly Uint8Array[]): Uint8Array {
  const sized = frames.map((frame) => {
    const length = Buffer.alloc(LENGTH_BYTES)
    length.writeUInt16LE(frame.byteLength)
    return Buffer.concat([length, frame])
  })
  return Buffer.concat(sized)
}

function framesIn(bytes: Uint8Array): Uint8Array[] {
  const all = Buffer.from(bytes)
  const frames: Uint8Array[] = []
  for (let at = 0; at + LENGTH_BYTES <= all.byteLength; ) {
    const end = at + LENGTH_BYTES + all.readUInt16LE(at)
    frames.push(all.subarray(at + LENGTH_BYTES, end))
    at = end
  }
  return frames
}

/** With a signature that fits the altered parts again. */
function sealed(altered: Uint8Array): Uint8Array {
  const frames = framesIn(altered)
  const at = frames.findIndex((frame) => Buffer.from(frame).toString() === '<IDS|MSG>')
  if (at < 0 || frames.length < at + 6) return altered
  const hmac = createHmac('sha256', KEY)
  for (const part of frames.slice(at + 2, at + 6)) hmac.update(part)
  return joined(frames.with(at + 1, Buffer.from(hmac.digest('hex'))))
}

const samples: readonly Sample[] = messages.flatMap((message) => {
  const bytes = joined(wire.encode(message))
  return [{ bytes }, { bytes, seal: sealed }]
})

/** See the head of this file. */
export const kernelTargets: readonly Target[] = [
  {
    name: 'kernel-message',
    samples,
    executions: 300,
    decode(bytes) {
      const message = wire.decode(framesIn(bytes))
      const again = wire.encode(message)
      assertSame(joined(again), joined(wire.encode(wire.decode(again))), 'a message written and read again')
      return message.parent ? outputIn(message) : parseRequest(message)
    },
  },
  {
    name: 'kernel-connection-file',
    samples: [
      {
        bytes: Buffer.from(
          JSON.stringify({
            ...{ transport: 'tcp', ip: '127.0.0.1', shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4 },
            ...{ hb_port: 65_535, signature_scheme: 'hmac-sha256', key: 'k' },
          }),
        ),
      },
    ],
    decode: (bytes) => connectionSchema.safeParse(parsed(bytes)),
    takesAll: true,
  },
]

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
