import { AividaError, type Clock, limit, userError } from '../base/index.ts'
import type { NodeEvent, NodeEventBody } from '../protocol/index.ts'

/** What an {@link EventBus} is made from. */
export interface EventBusInit {
  readonly clock: Clock
  /** The present state as events: what a reader without a position is told first. At most one per job and peer. */
  readonly snapshot: () => readonly NodeEventBody[]
  /** Events held for readers that come back or fall behind. Default: the limit `eventHistory`. */
  readonly history?: number
}

/** Which events a reader wants. */
export interface Subscription {
  /** Position to go on from: the `seq` of the last event seen. Without one, a snapshot comes first. */
  readonly after?: number
  /** Only what concerns this job. */
  readonly job?: string
  /** Only events of this type, and gaps. */
  readonly type?: NodeEvent['type']
  readonly signal?: AbortSignal
}

/**
 * Numbers the node's events, holds the latest of them, and lets any number of readers follow at their own speed.
 *
 * A reader is only a position in the shared history, so a slow one costs no memory: it skips states that a newer event
 * of the same job, peer or device list has replaced, and when even the history has moved past it, it gets a `gap`
 * event, a fresh snapshot, and then goes on. Shard and part events are never merged.
 *
 * `seq` starts at the wall clock in microseconds, so that a position from before a restart is never mistaken for one
 * of this run: it lies before all that is held, and its reader gets a gap and a snapshot.
 */
export class EventBus {
  readonly #clock: Clock
  readonly #snapshot: () => readonly NodeEventBody[]
  readonly #ring: (NodeEvent | undefined)[]
  /** The newest event of each job, peer and so on: older ones of the same key are out of date. */
  readonly #newest = new Map<string, number>()
  readonly #wakers = new Set<() => void>()
  readonly #first: number
  #last: number
  #readers = 0

  constructor(init: EventBusInit) {
    this.#clock = init.clock
    this.#snapshot = init.snapshot
    this.#ring = new Array(init.history ?? limit('eventHistory'))
    this.#last = Math.floor(init.clock.wallMs()) * 1_000
    this.#first = this.#last + 1
  }

  /** `seq` of the newest event. */
  get lastSeq(): number {
    return this.#last
  }

  /** `seq` of the oldest event that is still held (of the next one, when there is none yet). */
  get oldestSeq(): number {
    return Math.max(this.#first, this.#last - this.#ring.length + 1)
  }

  /** Numbers an event and hands it to all readers. Never blocks, never throws. */
  publish(body: NodeEventBody): void {
    const seq = ++this.#last
    const event = { ...body, seq, atWallMs: Math.floor(this.#clock.wallMs()) } as NodeEvent
    const slot = seq % this.#ring.length
    const evicted = this.#ring[slot]
    this.#ring[slot] = event
    const key = stateKey(event)
    if (key !== undefined) this.#newest.set(key, seq)
    const old = evicted && stateKey(evicted)
    if (old !== undefined && this.#newest.get(old) === evicted?.seq) this.#newest.delete(old)
    for (const wake of this.#wakers) wake()
    this.#wakers.clear()
  }

  /**
   * Follows the events until the signal fires or the loop is left. Throws `events.too-many-readers` when more than the
   * limit `eventReaders` follow already.
   */
  async *subscribe(subscription: Subscription = {}): AsyncGenerator<NodeEvent, void, void> {
    const { job, type, signal } = subscription
    if (this.#readers >= limit('eventReaders'))
      throw new AividaError({
        code: 'events.too-many-readers',
        category: 'user',
        message: `${this.#readers} clients follow this node's events already, the most it serves; close one`,
        retryable: true,
      })
    if (subscription.after !== undefined && !Number.isSafeInteger(subscription.after))
      throw userError('events.bad-position', `expected the seq of an event, found ${subscription.after}`)
    this.#readers++
    try {
      let position = subscription.after ?? -1
      let missed = subscription.after !== undefined
      for (;;) {
        if (signal?.aborted) return
        if (position < this.oldestSeq - 1 || position > this.#last) {
          const at = this.#last
          const state = this.#snapshot()
          if (missed) yield this.#stamp({ type: 'gap', after: position, oldest: this.oldestSeq }, at)
          for (const body of state) if (concerns(body, job, type)) yield this.#stamp(body, at)
          position = at
          missed = true
        } else if (position === this.#last) {
          await this.#next(signal)
        } else {
          const event = this.#ring[++position % this.#ring.length]
          if (event && concerns(event, job, type) && this.#current(event)) yield event
        }
      }
    } finally {
      this.#readers--
    }
  }

  /** Snapshot events carry the position they stand for, so that a reader can resume from any of them. */
  #stamp(body: NodeEventBody, seq: number): NodeEvent {
    return { ...body, seq, atWallMs: Math.floor(this.#clock.wallMs()) } as NodeEvent
  }

  #current(event: NodeEvent): boolean {
    const key = stateKey(event)
    return key === undefined || this.#newest.get(key) === event.seq
  }

  #next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }
      const stop = () => {
        this.#wakers.delete(wake)
        resolve()
      }
      this.#wakers.add(wake)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }
}

/** What an event is the newest word about; events without a key are each news of their own. */
function stateKey(event: NodeEvent): string | undefined {
  if (event.type === 'job') return `job ${event.status.job}`
  if (event.type === 'peer') return `peer ${event.peer.peer}`
  if (event.type === 'device') return 'device'
  return undefined
}

function concerns(event: NodeEventBody, job: string | undefined, type: NodeEvent['type'] | undefined): boolean {
  if (type !== undefined && event.type !== type && event.type !== 'gap') return false
  if (job === undefined || event.type === 'gap') return true
  if (event.type === 'job') return event.status.job === job
  return 'job' in event && event.job === job
}
