import { resolve } from 'node:path'
import { type Clock, systemClock } from '../../runtime/base/clock.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { JobStatus, NodeEvent, ResultPart } from '../../runtime/protocol/index.ts'
import { EventQueue } from './event-queue.ts'

/** How long the stream stays open when nobody follows a job any more: cells that submit one after the other share it. Ms. */
const LINGER_MS = 30_000

interface Stream {
  readonly closing: AbortController
  readonly connected: PromiseWithResolvers<void>
}

/**
 * The node's events, read once for all jobs of the session: a node serves few readers (limit `eventReaders`), and a notebook
 * may well have a hundred jobs.
 */
export class NodeEvents {
  readonly #client: () => Promise<Client>
  readonly #clock: Clock
  readonly #queues = new Map<string, Set<EventQueue>>()
  #stream: Stream | undefined
  #stopLingering = () => {}

  constructor(client: () => Promise<Client>, clock: Clock = systemClock) {
    this.#client = client
    this.#clock = clock
  }

  /**
   * What happens to a job until it has ended, and what has happened: all of its parts come, those of before first, by their
   * index and with absolute paths of their files; then its status, then everything as it comes. Survives a restart of the node.
   * Throws `job.unknown`, `node.not-running`, `control.*`. The signal ends it, without an error.
   */
  async *follow(job: string, signal?: AbortSignal): AsyncGenerator<NodeEvent, void, void> {
    const queue = this.#join(job)
    const stop = () => queue.close()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    const client = await this.#client()
    const seen = new Set<number>()
    try {
      await this.#connected()
      if (signal?.aborted) return
      let present = await presentOf(client, job, seen)
      queue.forgetStates()
      yield* eventsOf(present)
      if (present.status.state !== 'running') return
      for await (const event of queue) {
        if (event.type === 'gap' || hasEnded(event)) {
          present = await presentOf(client, job, seen) // parts that were missed come before the end
          yield* eventsOf(present)
          if (present.status.state !== 'running') return
        } else if (event.type !== 'part') yield event
        else if (!seen.has(event.part.index)) {
          seen.add(event.part.index)
          yield { ...event, part: { ...event.part, file: resolve(present.status.outputDir, event.part.file) } }
        }
      }
    } finally {
      signal?.removeEventListener('abort', stop)
      this.#leave(job, queue)
    }
  }

  /** Ends every reading, without an error. */
  close(): void {
    this.#stopLingering()
    this.#stream?.closing.abort()
    for (const queue of this.#all()) queue.close()
  }

  #join(job: string): EventQueue {
    const queue = new EventQueue()
    const queues = this.#queues.get(job) ?? new Set()
    this.#queues.set(job, queues.add(queue))
    this.#stopLingering()
    return queue
  }

  #leave(job: string, queue: EventQueue): void {
    const queues = this.#queues.get(job)
    queues?.delete(queue)
    if (queues?.size === 0) this.#queues.delete(job)
    if (this.#queues.size > 0) return
    this.#stopLingering()
    this.#stopLingering = this.#clock.after(LINGER_MS, () => this.#stream?.closing.abort())
  }

  #all(): EventQueue[] {
    return [...this.#queues.values()].flatMap((queues) => [...queues])
  }

  /** Resolves when what happens from now on will be heard. */
  #connected(): Promise<void> {
    if (!this.#stream || this.#stream.closing.signal.aborted) {
      this.#stream = { closing: new AbortController(), connected: Promise.withResolvers() }
      void this.#read(this.#stream)
    }
    return this.#stream.connected.promise
  }

  async #read(stream: Stream): Promise<void> {
    const { closing, connected } = stream
    connected.promise.catch(() => {})
    try {
      const client = await this.#client()
      for await (const event of client.events({ signal: closing.signal })) {
        connected.resolve() // the first events are the present state
        for (const queue of this.#concernedBy(event)) queue.push(event)
      }
    } catch (error) {
      connected.reject(error)
      for (const queue of this.#all()) queue.close(error)
    } finally {
      connected.resolve()
      if (this.#stream === stream) this.#stream = undefined
    }
  }

  #concernedBy(event: NodeEvent): Iterable<EventQueue> {
    if (event.type === 'gap') return this.#all()
    const job = event.type === 'job' ? event.status.job : 'job' in event ? event.job : undefined
    return (job !== undefined && this.#queues.get(job)) || []
  }
}

/** Whether an event is the last one of its job. */
function hasEnded(event: NodeEvent): boolean {
  return event.type === 'job' && event.status.state !== 'running'
}

/** Where a job stands, and its parts that were not seen yet. */
interface Present {
  readonly status: JobStatus
  readonly parts: readonly ResultPart[]
}

async function presentOf(client: Client, job: string, seen: Set<number>): Promise<Present> {
  const handle = client.job(job)
  const status = await handle.status() // before the parts: a job that has ended has all of them
  if (status.sharedBy) await handle.fetch()
  const parts = (await handle.parts()).filter(({ index }) => !seen.has(index))
  for (const { index } of parts) seen.add(index)
  return { status, parts }
}

/** As the node would have told it; what was asked for has no place among the node's events: its `seq` is 0. */
function eventsOf({ status, parts }: Present): NodeEvent[] {
  const { job, createdWallMs, finishedWallMs } = status
  return [
    ...parts.map((part): NodeEvent => ({ seq: 0, atWallMs: part.atWallMs ?? createdWallMs, type: 'part', job, part })),
    { seq: 0, atWallMs: finishedWallMs ?? createdWallMs, type: 'job', status },
  ]
}
