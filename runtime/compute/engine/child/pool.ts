import { AividaError } from '../../../base/errors.ts'
import type { Digest } from '../../../base/hash.ts'
import { limit } from '../../../base/limits.ts'
import type { LoadOptions, ModelSource } from '../engine.ts'
import type { ReducedSlice, SliceReduction } from './child-replica.ts'
import type { ChildSession } from './child-session.ts'
import type { EngineChild } from './engine-child.ts'

/** What an {@link EnginePool} needs. */
export interface EnginePoolInit {
  /** Starts a child that serves this slot; a slot may have its own memory limit. */
  readonly start: () => EngineChild
  /**
   * When to start the next empty child after one was taken: a start costs a core for a quarter of a second, which a job
   * that begins would rather have. Default: at once.
   */
  readonly later?: (prepare: () => void) => void
  /** Warm children without work; past this the least recently used are killed. Default: all that may exist. */
  readonly maxIdle?: number
  /** Children with work or warm models, the empty one aside. Default and upper bound: `engineChildren`. */
  readonly maxChildren?: number
}

/** Who a child works for: one job on one slot of one device. */
export interface PoolKey {
  readonly job: string
  /** Device and slot, in any form that tells slots of this node apart. */
  readonly slot: string
}

/** A child lent to one caller, until it calls `release` or `discard`. */
export interface LentEngine {
  /**
   * A session for the model of this digest: the warm one when the child has it, else freshly loaded from `source`,
   * which is not asked for otherwise. The least recently used of more than `engineSessions` is closed. Throws what
   * {@link EngineChild.load} throws.
   */
  session(
    digest: Digest,
    source: () => ModelSource | Promise<ModelSource>,
    options?: LoadOptions,
  ): Promise<ChildSession>
  /** Makes one update of several, for which it needs no model. Throws `update.*`, `engine.*`, `aborted`. */
  reduce(slice: SliceReduction, signal?: AbortSignal): Promise<ReducedSlice>
  /** Whether the child survived what was last asked of it; a wrong input does it no harm. */
  readonly alive: boolean
  /** Gives the child back, warm. */
  release(): void
  /** Kills the child: it failed, or its job is over. Resolves when it is dead. */
  discard(): Promise<void>
}

/**
 * Engine children by job and slot, with one empty child always ready so that a new job does not wait for a process to
 * start. A child never serves two jobs: what one stranger's model did to it is not passed on.
 */
export class EnginePool {
  readonly #start: () => EngineChild
  readonly #later: (prepare: () => void) => void
  readonly #maxChildren: number
  readonly #maxIdle: number
  /** By key; the least recently used first. */
  readonly #entries = new Map<string, PoolEntry>()
  #spare: EngineChild | undefined
  /** Since an empty child was last of use. */
  #spareStarts = 0
  #stopped = false

  constructor({ start, later, maxIdle, maxChildren }: EnginePoolInit) {
    this.#maxIdle = maxIdle ?? limit('engineChildren')
    this.#start = start
    this.#later = later ?? ((prepare) => prepare())
    this.#maxChildren = Math.min(maxChildren ?? limit('engineChildren'), limit('engineChildren'))
    this.#prepareSpare()
  }

  /**
   * The child of this job and slot: the warm one, else the empty one. Throws `engine.busy` while it is lent to somebody
   * else, and when every child the pool may have is lent.
   */
  acquire(key: PoolKey): LentEngine {
    if (this.#stopped) throw busy('the engine pool was stopped')
    const id = `${key.slot}\n${key.job}`
    let entry = this.#entries.get(id)
    if (entry?.lent) throw busy(`slot ${key.slot} already runs something of ${key.job}`)
    if (!entry?.child.alive) {
      this.#entries.delete(id)
      this.#makeRoom()
      entry = { key, child: this.#takeSpare(), sessions: new Map(), lent: false }
    }
    this.#entries.delete(id)
    this.#entries.set(id, entry)
    entry.lent = true
    const { child } = entry
    child.exited.then(() => {
      if (this.#entries.get(id)?.child === child) this.#entries.delete(id)
    })
    return lend(
      entry,
      () => this.#entries.delete(id),
      () => this.#trimIdle(),
    )
  }

  /** Kills the warm children of a job that is over; those lent are their borrowers' to discard. */
  async retire(job: string): Promise<void> {
    const idle = [...this.#entries].filter(([, { key, lent }]) => key.job === job && !lent)
    for (const [id] of idle) this.#entries.delete(id)
    await Promise.all(idle.map(([, { child }]) => child.kill()))
  }

  /** Kills every child; later calls throw. */
  async stop(): Promise<void> {
    this.#stopped = true
    const children = [...this.#entries.values()].map(({ child }) => child)
    if (this.#spare) children.push(this.#spare)
    this.#entries.clear()
    this.#spare = undefined
    await Promise.all(children.map((child) => child.kill()))
  }

  #makeRoom(): void {
    if (this.#entries.size < this.#maxChildren) return
    for (const [id, { child, lent }] of this.#entries) {
      if (lent) continue
      this.#entries.delete(id)
      void child.kill()
      return
    }
    throw busy(`all ${this.#maxChildren} engine children are at work`)
  }

  #trimIdle(): void {
    const idle = [...this.#entries].filter(([, { lent }]) => !lent)
    for (const [id, { child }] of idle.slice(0, Math.max(0, idle.length - this.#maxIdle))) {
      this.#entries.delete(id)
      void child.kill()
    }
  }

  #takeSpare(): EngineChild {
    const child = this.#spare?.alive ? this.#spare : this.#start()
    this.#spare = undefined
    this.#spareStarts = 0
    this.#later(() => this.#prepareSpare())
    return child
  }

  /** Starts the empty child; one that dies is replaced, but not for ever. */
  #prepareSpare(): void {
    if (this.#stopped || this.#spare || this.#spareStarts >= MAX_SPARE_STARTS) return
    this.#spareStarts++
    let child: EngineChild
    try {
      child = this.#start()
    } catch {
      return // the next acquire tries again, and tells
    }
    this.#spare = child
    child.exited.then(() => {
      if (this.#spare !== child) return
      this.#spare = undefined
      this.#prepareSpare()
    })
  }
}

const MAX_SPARE_STARTS = 3

interface PoolEntry {
  readonly key: PoolKey
  readonly child: EngineChild
  readonly sessions: Map<string, ChildSession>
  lent: boolean
}

function lend(entry: PoolEntry, forget: () => void, released: () => void): LentEngine {
  const { child, sessions } = entry
  return {
    get alive() {
      return child.alive
    },
    async session(digest, source, { signal, timeoutMs, ...options } = {}) {
      const id = JSON.stringify([digest, options])
      let session = sessions.get(id)
      sessions.delete(id)
      if (!session) {
        const [[oldest, idle] = []] = sessions
        if (idle && sessions.size >= limit('engineSessions')) {
          sessions.delete(oldest!)
          await idle.close()
        }
        session = await child.load(await source(), {
          ...options,
          ...(signal && { signal }),
          ...(timeoutMs !== undefined && { timeoutMs }),
        })
      }
      sessions.set(id, session)
      return session
    },
    reduce: (slice, signal) => child.reduce(slice, signal),
    release() {
      entry.lent = false
      released()
    },
    async discard() {
      forget()
      await child.kill()
    },
  }
}

function busy(message: string): AividaError {
  return new AividaError({ code: 'engine.busy', category: 'platform', message, retryable: true })
}
