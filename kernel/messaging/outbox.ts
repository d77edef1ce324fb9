import type { Clock } from '../../runtime/base/clock.ts'
import { limit } from '../../runtime/base/limits.ts'

/** A message on its way to all front ends. */
export interface Outgoing {
  readonly frames: readonly Uint8Array[]
  /** Of an update: the display that it brings up to date. A newer one may take its place. */
  readonly updates?: string | undefined
  /** Text of a stream, which may overtake updates of which a reader wants to hear nothing. */
  readonly isText?: boolean
}

/** Where messages leave to: a socket. */
export interface Gate {
  /** Hands a message over, and says so, unless a reader has as many unread ones as the limit `kernelUnreadMessages`. */
  offer(frames: readonly Uint8Array[]): boolean
  /** Hands a message over, whoever reads. */
  force(frames: readonly Uint8Array[]): void
}

/** A first look whether a reader goes on; those after it come at twice the time each. Ms. */
const LOOK_MS = 1

/**
 * What goes to all front ends, so that one which reads nothing does not fill the kernel's memory.
 *
 * While each reads, everything leaves at once, in order. When one is far behind, everything waits, whole and in order, until it has
 * caught up. Has it read nothing for `kernelStallMs`, or waits more than `kernelWaitingMessages` or `kernelWaitingBytes`, then it has
 * stalled: what waits leaves for the others' sake, of each display the newest update alone, and from then on a display has an
 * update each `kernelStalledUpdateMs`, and before anything but text. Nothing but an update that a newer one has replaced is ever
 * dropped.
 */
export class Outbox {
  readonly #gate: Gate
  readonly #clock: Clock
  #state: 'flowing' | 'waiting' | 'stalled' = 'flowing'
  #waiting: Outgoing[] = []
  #bytes = 0
  /** When a reader last went on. */
  #movedMs = 0
  #lookedMs = 0
  #callOff = () => {}

  constructor(gate: Gate, clock: Clock) {
    this.#gate = gate
    this.#clock = clock
  }

  /** Sends a message, now or when those before it have left. */
  send(message: Outgoing): void {
    if (this.#state === 'waiting' && this.#clock.monoMs() - this.#lookedMs >= LOOK_MS) this.#look()
    switch (this.#state) {
      case 'flowing':
        if (this.#gate.offer(message.frames)) return
        this.#state = 'waiting'
        this.#movedMs = this.#clock.monoMs()
        this.#add(message)
        this.#lookIn(LOOK_MS)
        return
      case 'waiting':
        this.#add(message)
        if (this.#waiting.length > limit('kernelWaitingMessages') || this.#bytes > limit('kernelWaitingBytes'))
          this.#stall()
        return
      case 'stalled':
        this.#sendStalled(message)
    }
  }

  /** Hands over all that waits: nobody will look after it any more. */
  close(): void {
    this.#callOff()
    this.#forceAll()
  }

  #sendStalled(message: Outgoing): void {
    const { frames, updates, isText = false } = message
    if (updates !== undefined) {
      this.#waiting = [...this.#waiting.filter((other) => other.updates !== updates), message]
      return
    }
    if (!isText) this.#forceAll()
    if (!this.#gate.offer(frames)) this.#gate.force(frames)
    else this.#resume()
  }

  #add(message: Outgoing): void {
    this.#waiting.push(message)
    this.#bytes += bytesOf(message)
  }

  /** Lets leave what can. */
  #look(): void {
    this.#lookedMs = this.#clock.monoMs()
    let left = 0
    while (left < this.#waiting.length && this.#gate.offer(this.#waiting[left]!.frames)) left++
    if (left > 0) {
      this.#movedMs = this.#lookedMs
      for (const message of this.#waiting.splice(0, left)) this.#bytes -= bytesOf(message)
    }
    if (this.#waiting.length === 0) this.#resume()
    else if (this.#lookedMs - this.#movedMs >= limit('kernelStallMs')) this.#stall()
  }

  #lookIn(ms: number): void {
    this.#callOff = this.#clock.after(ms, () => {
      this.#look()
      if (this.#state === 'waiting') this.#lookIn(this.#movedMs === this.#lookedMs ? LOOK_MS : 2 * ms)
    })
  }

  #stall(): void {
    this.#callOff()
    this.#state = 'stalled'
    this.#waiting = newestOf(this.#waiting)
    this.#forceAll()
    this.#forceLater()
  }

  #forceLater(): void {
    this.#callOff = this.#clock.after(limit('kernelStalledUpdateMs'), () => {
      const [first, ...others] = this.#waiting
      if (first && this.#gate.offer(first.frames)) {
        this.#waiting = others
        this.#resume()
        return
      }
      this.#forceAll()
      this.#forceLater()
    })
  }

  #forceAll(): void {
    for (const { frames } of this.#waiting) this.#gate.force(frames)
    this.#waiting = []
    this.#bytes = 0
  }

  /** All readers go on. */
  #resume(): void {
    this.#callOff()
    this.#state = 'flowing'
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    for (const message of waiting) this.send(message)
  }
}

/** Messages without the updates that a later one replaces. */
function newestOf(messages: readonly Outgoing[]): Outgoing[] {
  const newest = new Map(messages.map((message, i) => [message.updates, i]))
  return messages.filter(({ updates }, i) => updates === undefined || newest.get(updates) === i)
}

function bytesOf({ frames }: Outgoing): number {
  return frames.reduce((sum, { byteLength }) => sum + byteLength, 0)
}
