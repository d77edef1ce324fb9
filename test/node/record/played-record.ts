import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import type { TrainingRecord } from '../../../runtime/node/record/index.ts'
import type { ReplayInit } from '../../../runtime/node/record/replay-init.ts'
import { type ReplicaShard, type ResultPart, shardId, type TrainShard } from '../../../runtime/protocol/index.ts'
import { optionsOf, VirtualRun } from '../../job/programs/rounds/virtual-run.ts'
import { digest, trainingRecord } from './sample-record.ts'

/** The class of everything in played records. */
export const CLASS = 'ort-1.30.0/cpu/x64-avx2/all'

/** The record of a training by rounds that was played: what a submitter would have journalled. */
export function recordOfRun({ options, journal, done }: VirtualRun): TrainingRecord {
  const base = trainingRecord()
  const { evaluation, ...request } = base.request
  const parts = journal.parts.map(({ outputs: _, others = [], rows, ...part }): ResultPart => {
    const counted = part.round?.counted.map(({ peer }) => peer)
    return {
      ...{ ...part, file: `part-${part.index}.arrow`, sha256: digest('5') },
      rows: others.reduce((sum, other) => sum + other.rows, rows),
      computedBy: (counted ?? [part.checkpoint!.shared!.at]).map((peer) => ({
        ...{ peer, determinismClass: CLASS, shards: 1, computeMs: 1, commitments: [digest('7')] },
      })),
    }
  })
  return structuredClone({
    ...base,
    ...{ model: options.model, training: options.training, rounds: [...journal.rounds.values()], parts },
    state: done?.ok ? 'done' : 'failed',
    request: { ...request, ...options.request, ...(options.training.evaluation && { evaluation }) },
  } as TrainingRecord)
}

/** The record of a training by three members that is measured now and then. */
export function roundsPlayed(): TrainingRecord {
  const { evaluation } = trainingRecord().training
  const run = new VirtualRun(optionsOf({ training: { evaluation: { ...evaluation!, everySteps: 30 } } }), [10, 10, 10])
  run.run()
  return recordOfRun(run)
}

/** Asked to do a played record again, it comes to what is recorded there; and what it was asked for. */
export function playedAgain(record: TrainingRecord) {
  const compared: string[] = []
  const metrics = { step: tensorOf(new BigInt64Array(0)) }
  const made = { metrics, commitments: [digest('7')], computeMs: 1 }
  const train = async (_: string, shard: TrainShard) => {
    const { round, member } = (shard as ReplicaShard).replica
    const found = record.rounds.find((manifest) => manifest.round === round)?.members[member]?.shard
    const counted = record.parts.flatMap((part) => part.round?.counted ?? []).find(({ shard }) => shard === found)
    if (shard.steps > 0) return { ...made, state: counted!.inner, updates: counted!.updates }
    const { checkpoint } = record.parts.find((part) => part.checkpoint?.shared?.round === round)!
    compared.push(checkpoint!.state.blob)
    const validation = Object.entries(shard.evaluation ? (checkpoint!.validation ?? {}) : {}).map(
      ([name, value]) => [`validation.${name}`, tensorOf(Float64Array.of(value))] as const,
    )
    return {
      ...made,
      metrics: { ...metrics, ...Object.fromEntries(validation) },
      state: checkpoint!.state,
      updates: [],
    }
  }
  const worker: ReplayInit['worker'] = {
    devices: [{ id: 'cpu', determinismClass: CLASS, exact: true }] as unknown as ReplayInit['worker']['devices'],
    train,
    reduce: async (_, spec) => {
      const all = record.parts.flatMap(({ round }) => round?.aggregates ?? [])
      const { update, residual } = all.find(({ shard }) => shard === shardId(spec))!
      return { ...made, updates: [update], ...(residual && { state: residual }) }
    },
    drop: async () => {},
  }
  return { worker, compared, metrics: async () => metrics }
}
