import { type Digest, invariant } from '../../../base/index.ts'
import {
  type BlobRef,
  type Counted,
  type HeldUpdate,
  learningRateAt,
  type ReduceShard,
  type ReplicaShard,
  type RoundManifest,
  type RoundMember,
  type RoundOutcome,
  shardId,
} from '../../../protocol/index.ts'
import { type History, type Snapshot, snapshotBefore } from './history.ts'
import type { RoundsJob } from './options.ts'
import { batchesIn } from './sample-account.ts'

/** A member as a manifest names it, before its shard has a name. */
export type MemberPlan = Omit<RoundMember, 'shard'>

/** A manifest whose shards have no names yet. */
export type RoundPlan = Omit<RoundManifest, 'members'> & { readonly members: readonly MemberPlan[] }

/** What a snapshot is taken for, and by whom. */
export interface SnapshotPlan {
  /** It is the shared state before this round ... */
  readonly round: number
  readonly member: Omit<MemberPlan, 'batches'>
  /** ... and is measured. */
  readonly measured: boolean
}

/** The shard of the `member`th member of a round. The same for the same manifest and the same rounds before it. */
export function trainShardOf(job: RoundsJob, plan: RoundPlan, member: number, history: History): ReplicaShard {
  const { request, training, model } = job
  const { recipe } = plan
  const own = plan.members[member]
  invariant(own, `round ${plan.round} has no member ${member}`)
  const steps = batchesIn(own.batches)
  const all = plan.members.reduce((sum, { batches }) => sum + batchesIn(batches), 0)
  const isGradient = recipe.mode === 'gradient'
  if (isGradient) invariant(training.rounds.gradient && training.rounds.update, 'a step in two parts')
  return {
    kind: 'train',
    model: isGradient && training.rounds.gradient ? training.rounds.gradient : model,
    ...common(job, history, own),
    steps,
    learningRate: request.learningRate,
    replica: {
      ...replicaOf(job, plan, history, own),
      batches: [...own.batches],
      position: plan.position,
      stride: all / steps,
      member,
      ...(isGradient && training.rounds.update && { update: training.rounds.update }),
    },
  }
}

/**
 * The shard that makes a file of the shared state before a round. `plan` is the manifest of that round, or of the last
 * one where none follows.
 */
export function snapshotShardOf(
  job: RoundsJob,
  plan: Pick<RoundPlan, 'recipe' | 'slices'>,
  { round, member, measured }: SnapshotPlan,
  history: History,
): ReplicaShard {
  const { request, training, model } = job
  const { evaluation, rounds } = training
  const isGradient = plan.recipe.mode === 'gradient'
  return {
    kind: 'train',
    model: isGradient && rounds.gradient ? rounds.gradient : model,
    ...common(job, history, member),
    steps: 0,
    learningRate: request.learningRate,
    ...(measured &&
      evaluation && {
        evaluation: { model: evaluation.model, data: evaluation.data, batchSize: evaluation.batchSize },
      }),
    replica: {
      ...replicaOf(job, { ...plan, round }, history, member),
      batches: [],
      position: positionBefore(history, round),
      stride: 1,
      member: 0,
      ...(isGradient && rounds.update && { update: rounds.update }),
    },
  }
}

/** The shard that makes one of what counted, of one slice. */
export function reduceShardOf(
  { training }: RoundsJob,
  { round, slices, recipe, aggregation }: Pick<RoundPlan, 'round' | 'slices' | 'recipe' | 'aggregation'>,
  counted: readonly Counted[],
  slice: number,
  residual: HeldUpdate | undefined,
): ReduceShard {
  const [from, to] = [slices[slice - 1] ?? 0, slices[slice]]
  invariant(to !== undefined, `round ${round} has no slice ${slice}`)
  return {
    kind: 'reduce',
    round,
    slice,
    length: to - from,
    plain: slice === slices.length - 1 ? training.rounds.plain : 0,
    contributions: counted.map(({ peer, updates, weight }, member) => {
      const update = updates[slice]
      invariant(update, `what ${peer} gives to round ${round} has no slice ${slice}`)
      return { member, update, at: peer, weight }
    }),
    aggregation,
    compressed: recipe.up,
    compression: recipe.down,
    ...(residual && { residual }),
  }
}

/**
 * The reduce shards of a round that is over, a slice each, `history` being that of the rounds before it. Throws
 * `internal.invariant` where none of what a slice could have begun with gives the shard that the outcome names.
 */
export function reduceShardsOf(
  job: RoundsJob,
  manifest: RoundManifest,
  outcome: RoundOutcome,
  history: History,
): ReduceShard[] {
  return outcome.aggregates.map(({ shard }, slice) => {
    const made = [residualBefore(history, manifest, slice), undefined].map((residual) =>
      reduceShardOf(job, manifest, outcome.counted, slice, residual),
    )
    const found = made.find((spec) => shardId(spec) === shard)
    invariant(found, `slice ${slice} of round ${manifest.round} was made of something else than its outcome says`)
    return found
  })
}

/** What compression left over of a slice in the round before, where that was cut alike. */
export function residualBefore(
  { closed }: History,
  { round, slices }: Pick<RoundPlan, 'round' | 'slices'>,
  slice: number,
): HeldUpdate | undefined {
  const before = closed[round - 1]
  if (before?.manifest.slices.join() !== slices.join()) return undefined
  const { residual, at } = before.outcome.aggregates[slice] ?? {}
  return residual && at !== undefined ? { update: residual, at } : undefined
}

/** Batches that had counted before a round. */
export function positionBefore(history: History, round: number): number {
  return history.closed[round]?.manifest.position ?? history.position
}

function common(
  { training, request }: RoundsJob,
  history: History,
  { fromStep, base }: Omit<MemberPlan, 'batches'>,
): Pick<ReplicaShard, 'state' | 'frozen' | 'data' | 'fromStep' | 'seed' | 'commitEvery'> {
  return {
    state: base.held ? training.state : snapshotBefore(history, base.round).state,
    ...(training.frozen && { frozen: training.frozen }),
    data: training.data,
    fromStep,
    seed: request.seed,
    commitEvery: request.commitEvery,
  }
}

function replicaOf(
  { request }: RoundsJob,
  { round, recipe, slices }: Pick<RoundPlan, 'round' | 'recipe' | 'slices'>,
  history: History,
  { base, inner }: { readonly base: RoundMember['base']; readonly inner?: BlobRef | undefined },
): Omit<ReplicaShard['replica'], 'batches' | 'position' | 'stride' | 'member'> {
  const since = history.closed.slice(base.round, round)
  const snapshot: Snapshot | undefined = base.held ? undefined : snapshotBefore(history, base.round)
  return {
    round,
    mode: recipe.mode,
    lineage: lineageBefore(history, base.round),
    held: base.held,
    at: snapshot?.at === undefined ? [] : [snapshot.at],
    updates: since.map(({ outcome }) => outcome.aggregates.map(({ update, at }) => ({ update, at }))),
    ...(recipe.mode === 'gradient' && {
      rates: since.map(({ manifest }) => learningRateAt(request.learningRate, manifest.position)),
    }),
    ...(inner && { inner }),
    outer: recipe.outer,
    compression: recipe.up,
    compressed: recipe.down,
    slices: [...slices],
  }
}

function lineageBefore({ lineages }: History, round: number): Digest {
  const lineage = lineages[round]
  invariant(lineage, `no round has led to the state before round ${round}`)
  return lineage
}
