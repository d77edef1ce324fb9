import type { Clock } from '../../runtime/base/index.ts'
import { EventQueue, type Scheduled } from './event-queue.ts'
import { Trace, type TraceKind } from './trace.ts'

/** Events at one moment from which on they are taken for a loop. */
const AT_ONCE = 500_000

/** A machine: what stands still when it is stopped, and what one process after the other runs on. */
export interface Site {
  readonly name: string
  /** SIGSTOP, a suspended laptop, a long pause of the garbage collector: nothing happens here until it goes on. */
  isStalled: boolean
  /** What fell due meanwhile. */
  readonly backlog: Scheduled[]
  /** The process that runs here now. */
  life: Life | undefined
}

/**
 * One process, from its start to its end. Its ports ask {@link act} before anything takes effect; from its death on
 * none does, its timers never fire and what it awaits never comes. Only ports have effects, so a process that dies
 * at its n-th operation on one has died at any await that may lie between.
 */
export class Life {
  readonly site: Site
  readonly bornMs: number
  readonly number: number
  isAlive = true
  /** Its machine loses power with it: what was not synced is in danger. */
  powerCut = false
  /** When it is started again after its death, ms. */
  downMs: number | undefined
  /** Operations on ports that it has left. */
  fuse = Number.POSITIVE_INFINITY
  readonly #onDeath: (life: Life, why: string) => void

  constructor(site: Site, number: number, bornMs: number, onDeath: (life: Life, why: string) => void) {
    this.site = site
    this.number = number
    this.bornMs = bornMs
    this.#onDeath = onDeath
  }

  /** Whether an operation on a port takes effect. */
  act(): boolean {
    if (this.isAlive && this.fuse-- <= 0) this.die('its fuse has burnt down')
    return this.isAlive
  }

  /** `kill -9`. */
  die(why: string): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#onDeath(this, why)
  }
}

/** What a dead process awaits. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {})

/** A rule was broken; the run ends with it. */
export interface Violation {
  readonly rule: string
  readonly message: string
  readonly atMs: number
}

/** Time, order and the record of a run: one event happens after the other, each with all that follows from it at once. */
export class World {
  readonly trace: Trace
  nowMs = 0
  events = 0
  /** Of them, those since time went on last. */
  #atOnce = 0
  /** The process that the present event happens to. */
  current: Life | undefined
  violation: Violation | undefined
  readonly #queue = new EventQueue()

  constructor(trace = new Trace()) {
    this.trace = trace
  }

  /** Does `fn` after `delayMs` at a site; when it belongs to a process, only while that lives. */
  after(delayMs: number, fn: () => void, site?: Site, life?: Life): () => void {
    return this.#queue.add(this.nowMs + Math.max(0, delayMs), fn, site, life)
  }

  /** Real time of the world, for what belongs to no machine. */
  clock(): Clock {
    return {
      wallMs: () => Math.floor(this.nowMs),
      monoMs: () => this.nowMs,
      after: (delayMs, fn) => this.after(delayMs, fn),
      turn: () => new Promise((resolve) => void this.after(0, resolve)),
    }
  }

  note(kind: TraceKind, text: string, site?: Site): void {
    this.trace.add(this.nowMs, site?.name ?? '-', kind, text)
  }

  violate(rule: string, message: string): void {
    if (this.violation) return
    this.violation = { rule, message, atMs: this.nowMs }
    this.note('violation', `${rule}: ${message}`, this.current?.site)
  }

  /** Lets a stopped machine go on. */
  resume(site: Site): void {
    site.isStalled = false
    for (const late of site.backlog.splice(0)) if (!late.isOff) this.#queue.again(late, this.nowMs)
  }

  /** Runs until `done`, a violation, or `untilMs`. Each event's promises settle before the next one happens. */
  run(untilMs: number, done: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (this.violation || done() || !this.#happen(untilMs)) resolve()
          else setImmediate(turn)
        } catch (error) {
          reject(error)
        }
      }
      setImmediate(turn)
    })
  }

  #happen(untilMs: number): boolean {
    for (;;) {
      const next = this.#queue.take(untilMs)
      if (!next) {
        this.nowMs = Math.max(this.nowMs, untilMs)
        return false
      }
      if (next.isOff || (next.life && !next.life.isAlive)) continue
      if (next.site?.isStalled) {
        next.site.backlog.push(next)
        continue
      }
      this.#atOnce = next.atMs > this.nowMs ? 0 : this.#atOnce + 1
      if (this.#atOnce > AT_ONCE) this.violate('time-goes-on', `${AT_ONCE} events at once`)
      this.nowMs = next.atMs
      this.current = next.life ?? next.site?.life
      this.events++
      try {
        next.fn()
      } catch (error) {
        if (this.current?.isAlive) this.violate('no-uncaught', stackOf(error)) // a real process would have ended
      }
      return true
    }
  }
}

/** What an error says, with where it came from. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
