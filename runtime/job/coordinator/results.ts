import { type AividaError, type Digest, limit, toAividaError } from '../../base/index.ts'
import type { Receipt } from '../../protocol/index.ts'
import type { ShardFailure } from '../scheduler/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/** A receipt that was verified, with its outputs when they were small enough to come along. */
export interface VerifiedResult {
  readonly receipt: Receipt
  readonly inline: Uint8Array | undefined
}

/** What becomes of results. */
export interface ResultsInit {
  readonly ports: CoordinatorPorts
  readonly job: string
  /** Fires when the job ends or the node stops. */
  readonly signal: AbortSignal
  /** Brings what a result has beside its outputs, if anything. What it throws makes the result one that could not be fetched. */
  readonly bring: (result: VerifiedResult, outputs: Uint8Array, signal: AbortSignal) => Promise<void> | undefined
  /** The outputs are here. */
  readonly accept: (result: VerifiedResult, outputs: Uint8Array) => void
  /** The shard has to be computed anew. */
  readonly retract: (shard: Digest) => void
  readonly poison: (shard: Digest, failures: readonly ShardFailure[]) => void
  /** The worker may drop the outputs, once what was accepted before this call is durable. */
  readonly settle: (result: VerifiedResult) => void
}

/** A shard whose outputs are on their way here. */
interface Fetching {
  result: VerifiedResult
  attempt: AbortController
  /** Others have computed it too: the next best when this one's outputs never come. */
  readonly spares: VerifiedResult[]
  /** When a worker that went away has had its time to come back. Monotonic ms. */
  untilMs: number
  /** Ends the wait for it, if one is under way. */
  stopWaiting: (() => void) | undefined
}

/** Other workers' results kept for a shard, and bytes of results kept for shards that are not wanted yet. */
const SPARES = 4
const EARLY_BYTES = 128 << 20

/**
 * Results of a job between their receipt and their outputs. What a worker has finished is worth waiting for: when it
 * goes away before its outputs are here, it has as long as a restart takes to come back with them.
 */
export class Results {
  readonly #init: ResultsInit
  readonly #fetching = new Map<Digest, Fetching>()
  /** Results of an earlier epoch for shards that the program has not emitted again yet. */
  readonly #early = new Map<Digest, VerifiedResult>()
  #earlyBytes = 0
  /** Why outputs could not be brought here, by shard. */
  readonly #failures = new Map<Digest, readonly ShardFailure[]>()

  constructor(init: ResultsInit) {
    this.#init = init
  }

  /** Whether a result of the shard is at hand, its outputs on their way. */
  has(shard: Digest): boolean {
    return this.#fetching.has(shard)
  }

  /** The first result of a shard. */
  take(result: VerifiedResult): void {
    const { shard } = result.receipt
    const fetching: Fetching = { result, attempt: new AbortController(), spares: [], ...NOT_WAITING }
    this.#fetching.set(shard, fetching)
    void this.#fetch(shard, fetching)
  }

  /** Another result of a shard that {@link has} one: from another worker, or again from one that was away. */
  takeAnother(result: VerifiedResult): void {
    const { shard, worker, lease } = result.receipt
    const fetching = this.#fetching.get(shard)
    if (!fetching) return
    const again = fetching.result.receipt.lease === lease && fetching.result.receipt.worker === worker
    if (again || fetching.stopWaiting) {
      if (!again) fetching.spares.push(fetching.result)
      this.#switch(shard, fetching, result)
    } else if (fetching.spares.length < SPARES) fetching.spares.push(result)
  }

  /** Keeps a result until its shard is emitted; one too many is not kept, and its worker asked again for it then. */
  keepEarly(result: VerifiedResult): void {
    const bytes = result.inline?.byteLength ?? 0
    if (this.#early.size >= limit('shardsInFlight') || this.#earlyBytes + bytes > EARLY_BYTES) return
    this.takeEarly(result.receipt.shard)
    this.#early.set(result.receipt.shard, result)
    this.#earlyBytes += bytes
  }

  /** The result that was kept for a shard, which is not kept any more. */
  takeEarly(shard: Digest): VerifiedResult | undefined {
    const result = this.#early.get(shard)
    this.#early.delete(shard)
    this.#earlyBytes -= result?.inline?.byteLength ?? 0
    return result
  }

  /** All results that were kept: no shard will come up for them. */
  takeUnused(): VerifiedResult[] {
    return [...this.#early.keys()].flatMap((shard) => this.takeEarly(shard) ?? [])
  }

  async #fetch(shard: Digest, fetching: Fetching): Promise<void> {
    const { ports, signal, bring, accept, settle } = this.#init
    const { result, attempt } = fetching
    const { outputs, worker } = result.receipt
    try {
      const either = AbortSignal.any([signal, attempt.signal])
      const bytes = result.inline ?? (await ports.fetchOutputs(outputs, worker, either))
      const bringing = bring(result, bytes, either)
      if (bringing) await bringing // a small result is accepted in the very turn in which it comes
      if (signal.aborted || fetching.attempt !== attempt) return
      this.#fetching.delete(shard)
      this.#failures.delete(shard)
      accept(result, bytes)
      for (const each of [result, ...fetching.spares]) settle(each)
    } catch (error) {
      if (!signal.aborted && fetching.attempt === attempt) this.#failed(shard, fetching, toAividaError(error))
    }
  }

  #failed(shard: Digest, fetching: Fetching, error: AividaError): void {
    const { ports, job } = this.#init
    const { worker: peer } = fetching.result.receipt
    const { code, message, retryable } = error
    ports.logger.warn({ job, shard, peer, code, message }, 'outputs could not be fetched')
    const failure = { peer, code, message, retryable }
    const spare = fetching.spares.shift()
    const nowMs = ports.clock.monoMs()
    fetching.untilMs = Math.min(fetching.untilMs, nowMs + limit('returnMs'))
    const waitMs = saysNo(code) ? 0 : fetching.untilMs - nowMs
    if (spare) this.#switch(shard, fetching, spare)
    else if (waitMs <= 0) this.#giveUp(shard, failure)
    else fetching.stopWaiting = ports.clock.after(waitMs, () => this.#giveUp(shard, failure))
  }

  #switch(shard: Digest, fetching: Fetching, result: VerifiedResult): void {
    fetching.stopWaiting?.()
    fetching.stopWaiting = undefined
    fetching.attempt.abort()
    fetching.attempt = new AbortController()
    fetching.result = result
    void this.#fetch(shard, fetching)
  }

  /** The shard is computed anew, but not for ever: outputs that never come make it poison. */
  #giveUp(shard: Digest, failure: ShardFailure): void {
    const { signal, poison, retract } = this.#init
    this.#fetching.delete(shard)
    if (signal.aborted) return
    const failures = [...(this.#failures.get(shard) ?? []), failure]
    this.#failures.set(shard, failures)
    if (failures.length < limit('shardAttempts') && failure.code !== LIE) retract(shard)
    else {
      this.#failures.delete(shard)
      poison(shard, failures)
    }
  }
}

/** A snapshot that is none: its maker is not asked for it again, as for results that are wrong by their receipts. */
const LIE = 'receipt.snapshot'

const NOT_WAITING = { untilMs: Number.POSITIVE_INFINITY, stopWaiting: undefined }

/** Whether the worker itself says that it has no such outputs, or none for us, or sent what is none. */
function saysNo(code: string): boolean {
  return code === 'blob.not-found' || /^(grant|receipt|tensor)\./.test(code) || code === 'blob.wrong-chunk'
}
