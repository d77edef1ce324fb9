import { contradictionOf, emptyRecord, lackOf } from './record-gaps.ts'
import { replayChain } from './replay-chain.ts'
import type { ReplayInit } from './replay-init.ts'
import { replayRounds } from './replay-rounds.ts'
import { roundsJobOf } from './rounds-gaps.ts'
import { spotChecks } from './spot-checks.ts'
import type { Verdict } from './verdict.ts'

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
