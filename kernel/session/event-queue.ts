import { limit } from '../../runtime/base/limits.ts'
import type { NodeEvent } from '../../runtime/protocol/index.ts'

/**
 * Events on their way to one reader, who may be slow: states that a newer one has replaced are let go, and so are the oldest
 * shard events above the limit `eventHistory`. Parts are never let go.
 */
export class EventQueue implements AsyncIterable<NodeEvent> {
  #events: NodeEvent[] = []
  #wake = Promise.withResolvers<void>()
  #end: { readonly error?: unknown } | undefined

  /** Hands an event to the reader. Never waits. */
  push(event: NodeEvent): void {
    const key = stateKey(event)
    if (key !== undefined) {
      const old = this.#events.findIndex((queued) => stateKey(queued) === key)
      if (old >= 0) this.#events.splice(old, 1)
    }
    this.#events.push(event)
    if (this.#events.length > limit('eventHistory')) {
      const oldest = this.#events.findIndex(({ type }) => type === 'shard')
      if (oldest >= 0) this.#events.splice(oldest, 1)
    }
    this.#wake.resolve()
  }

  /** Lets go of states that wait, save that of an end: something newer is known. */
  forgetStates(): void {
    this.#events = this.#events.filter((event) => event.type !== 'job' || event.status.state !== 'running')
  }

  /** Ends the reading, with an error if there is one, after what waits. */
  close(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error }
    this.#wake.resolve()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<NodeEvent, void, void> {
    for (;;) {
      const event = this.#events.shift()
      if (event) yield event
      else if (this.#end) {
        if ('error' in this.#end) throw this.#end.error
        return
      } else {
        await this.#wake.promise
        this.#wake = Promise.withResolvers()
      }
    }
  }
}

/** What an event is the newest word about. */
function stateKey(event: NodeEvent): string | undefined {
  if (event.type === 'job') return 'job'
  if (event.type === 'training') return `training ${event.worker}`
  return undefined
}
