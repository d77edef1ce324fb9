import type { BlobStore } from '../../data/blob/index.ts'
import type { OpenedBundle } from './open-bundle.ts'
import { contradictionOf, emptyRecord, lackOf } from './record-gaps.ts'
import { replayChain } from './replay-chain.ts'
import { replayRounds } from './replay-rounds.ts'
import type { ReplayWorker } from './replay-worker.ts'
import { roundsJobOf } from './rounds-gaps.ts'
import { spotChecks } from './spot-checks.ts'
import type { Verdict } from './verdict.ts'

/** What a training is done again with. */
export interface ReplayInit {
  readonly bundle: OpenedBundle
  readonly worker: Pick<ReplayWorker, 'devices' | 'train' | 'reduce' | 'drop'>
  /** Holds what the bundle holds. */
  readonly blobs: BlobStore
  readonly signal: AbortSignal
  /** Where this machine has no device of the class: a few steps from each recorded state, in a class that it has. */
  readonly tolerate?: boolean
  /** Parts of the record to do again. Default: all. */
  readonly first?: number
  /** Hears of steps done, of all that are to be done. */
  readonly onProgress?: (done: number, of: number) => void
}

/**
 * Does a recorded training again on this machine, shard by shard as its program made them, and compares every hash on the
 * way. A record that contradicts itself differs before anything is computed; one that lacks something is never identical.
 * Throws `bundle.empty` for a record without a result, and what computing throws.
 */
export async function replay(init: ReplayInit): Promise<Verdict> {
  const { record } = init.bundle
  if (record.parts.length === 0) throw emptyRecord(record)
  const contradiction = contradictionOf(record)
  if (contradiction) return { verdict: 'differs', at: contradiction }
  const rounds = roundsJobOf(record)
  const verdict = await (rounds ? replayRounds(init, rounds) : replayChain(init))
  if (verdict.verdict === 'class missing' && init.tolerate) return spotChecks(init, verdict)
  const lacks = lackOf(record)
  return verdict.verdict === 'identical' && lacks !== undefined ? { ...verdict, verdict: 'incomplete', lacks } : verdict
}

/** The device of a class on this machine, where results of the class are the same to the bit. Of a record that names no class: any, the first one. */
export function deviceOf({ devices }: ReplayInit['worker'], determinismClass: string | undefined): string | undefined {
  if (determinismClass === undefined) return devices[0]?.id
  return devices.find((device) => device.determinismClass === determinismClass && device.exact)?.id
}
