import { limit } from '../../base/index.ts'
import { TokenBucket } from './token-bucket.ts'

/** What is remembered of one peer, or of one address. Times are monotonic milliseconds. */
export interface ConductRecord {
  /** Code and words of its last misdeed. */
  readonly code: string
  readonly message: string
  /** Misdeeds since it is remembered. */
  readonly count: number
  readonly lastMs: number
  /** It is kept out until then; in the past, or 0, when it is not. */
  readonly gatedUntilMs: number
  /** How often it was gated. */
  readonly gatings: number
}

interface Kept {
  code: string
  message: string
  count: number
  lastMs: number
  gatedUntilMs: number
  gatings: number
  readonly points: TokenBucket
}

/** After this many times its last gating without a misdeed, a peer's next gating is a first one again. */
const CLEAN_AFTER_GATINGS = 8

/**
 * Who misbehaved, how, how often, and until when each is kept out. Misdeeds cost points, which come back with time;
 * whoever has none left is gated, each time for twice as long. Saying hello again wipes nothing out. The record of who
 * was quiet the longest makes room, of those that are not gated if there is one.
 */
export class Conduct {
  readonly #kept = new Map<string, Kept>()

  /** Notes a misdeed of this weight; whether it was one too many, so that the subject is gated from now on. */
  note(subject: string, { code, message }: { code: string; message: string }, weight: number, nowMs: number): boolean {
    const kept = this.#kept.get(subject) ?? fresh(nowMs)
    this.#kept.delete(subject) // re-inserted last
    this.#kept.set(subject, kept)
    if (this.#kept.size > limit('conductRecords')) this.#forgetOne(nowMs)
    if (kept.gatings > 0 && nowMs - kept.lastMs > CLEAN_AFTER_GATINGS * gateMs(kept.gatings)) kept.gatings = 0
    kept.count++
    kept.lastMs = nowMs
    if (kept.gatedUntilMs > nowMs) return false // what it was gated for is told, not what was still underway
    kept.code = code
    kept.message = message.slice(0, MESSAGE_CHARACTERS)
    if (kept.points.owe(weight, nowMs) === 0) return false
    kept.gatings++
    kept.gatedUntilMs = nowMs + gateMs(kept.gatings)
    return true
  }

  /** For how long the subject is kept out from now, ms; 0 when it is not. */
  gatedMs(subject: string, nowMs: number): number {
    return Math.max(0, (this.#kept.get(subject)?.gatedUntilMs ?? 0) - nowMs)
  }

  get(subject: string): ConductRecord | undefined {
    return this.#kept.get(subject)
  }

  /** All that is remembered, quietest first. */
  all(): readonly (readonly [string, ConductRecord])[] {
    return [...this.#kept]
  }

  #forgetOne(nowMs: number): void {
    let oldest: string | undefined
    for (const [subject, { gatedUntilMs }] of this.#kept) {
      oldest ??= subject
      if (gatedUntilMs > nowMs) continue
      oldest = subject
      break
    }
    if (oldest !== undefined) this.#kept.delete(oldest)
  }
}

/** Kept of the words of a misdeed. */
const MESSAGE_CHARACTERS = 256

function fresh(nowMs: number): Kept {
  const points = { burst: limit('conductPoints'), perSecond: limit('conductPointsPerSecond') }
  return {
    code: '',
    message: '',
    count: 0,
    lastMs: nowMs,
    gatedUntilMs: 0,
    gatings: 0,
    points: new TokenBucket(points, nowMs),
  }
}

function gateMs(gatings: number): number {
  return Math.min(limit('gateMs') * 2 ** (gatings - 1), limit('gateMaxMs'))
}
