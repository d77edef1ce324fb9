import { type Duplex, duplexPair } from 'node:stream'
import type { Exit } from '../../runtime/compute/engine/child/endings.ts'
import { type Frame, frameHead } from '../../runtime/compute/engine/child/frame.ts'
import { FrameReader } from '../../runtime/compute/engine/child/frame-reader.ts'
import type { Reply, Request } from '../../runtime/compute/engine/child/messages.ts'
import type { EngineProcess } from '../../runtime/compute/engine/child/process.ts'

/** An engine child without a process: the test says what it answers, holds in memory, and whether it dies when killed. */
export class FakeEngineProcess implements EngineProcess {
  readonly pid = undefined
  readonly channel: Duplex
  readonly exited: Promise<Exit>
  readonly requests: Frame<Request>[] = []
  /** Answers a request; `undefined` leaves it open. */
  answer: (request: Request) => Reply | undefined = () => undefined
  memoryBytes = 0
  kills = 0
  /** Like a process stuck in the kernel: it takes the signal and stays. */
  stubborn = false
  held = false
  readonly #remote: Duplex
  readonly #exit: (exit: Exit) => void

  constructor(ready = true) {
    const [parent, child] = duplexPair()
    this.channel = parent
    this.#remote = child
    const { promise, resolve } = Promise.withResolvers<Exit>()
    this.exited = promise
    this.#exit = resolve
    const reader = new FrameReader(2 ** 30, (frame) => {
      this.requests.push(frame as Frame<Request>)
      const reply = this.answer(frame.header as Request)
      if (reply) this.send(reply)
    })
    child.on('data', (chunk: Uint8Array) => reader.push(chunk))
    if (ready) this.send({ op: 'ready', info: { name: 'fake', version: '1.0.0', providers: ['cpu'] } })
  }

  send(header: object, parts: readonly Uint8Array[] = []): void {
    this.#remote.write(
      frameHead(
        header,
        parts.map(({ byteLength }) => byteLength),
      ),
    )
    for (const part of parts) this.#remote.write(part)
  }

  /** Raw bytes, as a broken child would send. */
  sendRaw(bytes: Uint8Array): void {
    this.#remote.write(bytes)
  }

  /** The process ends by itself. */
  exit(exit: Exit): void {
    this.#exit(exit)
  }

  kill(): void {
    this.kills++
    if (!this.stubborn) this.#exit({ signal: 'SIGKILL', lastWords: '' })
  }

  residentBytes(): number {
    return this.memoryBytes
  }

  hold(held: boolean): void {
    this.held = held
  }
}

/** What a scan says of a model without inputs or outputs. */
export const EMPTY_REPORT = { nodes: 1, parameterBytes: 0, inputs: [], outputs: [], opsets: { '': 17 } } as const
