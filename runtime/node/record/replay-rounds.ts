import { invariant } from '../../base/index.ts'
import { typedArrayOf } from '../../data/tensor/index.ts'
import {
  addRound,
  addSnapshot,
  emptyHistory,
  type History,
  newestSnapshot,
  type RoundsJob,
  reduceShardsOf,
  snapshotShardOf,
  trainShardOf,
} from '../../job/programs/index.ts'
import { batchesIn } from '../../job/programs/rounds/sample-account.ts'
import {
  type ComputedBy,
  type Counted,
  learningRateAt,
  type ReplicaShard,
  type ResultPart,
  type RoundManifest,
  type RoundOutcome,
  shardId,
} from '../../protocol/index.ts'
import { differentCommitment, differentRow, differentValidation } from './compare.ts'
import { emptyRecord } from './record-gaps.ts'
import { deviceOf, type ReplayInit } from './replay-init.ts'
import type { Redone } from './replay-worker.ts'
import { countingRoundsOf, type RoundPart, type SnapshotPart } from './rounds-gaps.ts'
import type { Difference, Verdict } from './verdict.ts'

/**
 * Does a training by rounds again: round by round as manifests and outcomes tell, each member that counted in its turn in one
 * engine child, then the slices. What did not count is not done again: nothing follows from it.
 */
export function replayRounds(init: ReplayInit, job: RoundsJob): Promise<Verdict> {
  return new RoundsReplay(init, job).run()
}

class RoundsReplay {
  readonly #init: ReplayInit
  readonly #job: RoundsJob
  readonly #history: History
  readonly #manifests: ReadonlyMap<number, RoundManifest>
  /** By number. */
  readonly #rounds: readonly RoundPart[]
  readonly #snapshots: readonly SnapshotPart[]
  /** Rounds of the record. */
  readonly #of: number
  /** What counted, whenever it did, and who says so. */
  readonly #counted: ReadonlyMap<string, { readonly by: ComputedBy | undefined }>
  readonly #redone = new Map<string, Redone>()
  /** Before which round the shared state is that the engine child of a device holds. */
  readonly #held = new Map<string, number>()
  readonly #classes = new Set<string>()
  #state = ''
  #batches = 0

  constructor(init: ReplayInit, job: RoundsJob) {
    const { record } = init.bundle
    this.#init = init
    this.#job = job
    this.#history = emptyHistory(job.training)
    const { manifests, rounds: all, snapshots } = countingRoundsOf(record)
    this.#manifests = manifests
    this.#rounds = all.slice(0, init.first)
    this.#of = all.length
    this.#snapshots = snapshots
    this.#counted = new Map(
      all.flatMap(({ round, computedBy }) =>
        round.counted.map(({ shard }, index) => [shard, { by: computedByOf(computedBy, index) }] as const),
      ),
    )
  }

  async run(): Promise<Verdict> {
    if (this.#of === 0) throw emptyRecord(this.#init.bundle.record)
    for (const part of this.#rounds) {
      const verdict = (await this.#snapshotsBefore(part.round.round)) ?? (await this.#round(part))
      if (verdict) return verdict
    }
    const last = await this.#snapshotsBefore(this.#history.closed.length)
    if (last) return last
    const of = this.#of
    const parts = this.#rounds.length
    const state = this.#state || this.#history.lineages.at(-1)!
    return { verdict: 'identical', classes: [...this.#classes], steps: this.#batches, parts, of, state }
  }

  /** Trains who counts, compares what they gave, and makes one of it. */
  async #round(part: RoundPart): Promise<Verdict | undefined> {
    const { round: outcome } = part
    const manifest = this.#manifests.get(outcome.round)
    invariant(manifest, `a manifest of round ${outcome.round}`)
    for (const [index, { shard }] of manifest.members.entries()) {
      const wanted = this.#counted.get(shard)
      const verdict = wanted && (await this.#member(part, manifest, index, wanted.by))
      if (verdict) return verdict
    }
    const difference = (await this.#contributions(part)) ?? (await this.#slices(part, manifest))
    if (difference) return { verdict: 'differs', at: difference }
    addRound(this.#history, manifest, outcome)
    await this.#dropOld(outcome)
    return undefined
  }

  async #member(
    part: RoundPart,
    manifest: RoundManifest,
    index: number,
    by: ComputedBy | undefined,
  ): Promise<Verdict | undefined> {
    const { signal, onProgress, bundle, worker } = this.#init
    const { peer, shard: expected, batches } = manifest.members[index]!
    const shard = trainShardOf(this.#job, manifest, index, this.#history)
    const found = shardId(shard)
    const { round } = manifest
    if (found !== expected)
      return { verdict: 'differs', at: { what: 'shard', part: part.index, round, member: index, expected, found } }
    const device = deviceOf(worker, by?.determinismClass)
    if (device === undefined) return classMissing(this.#init, part, by?.determinismClass ?? '')
    if (by) this.#classes.add(by.determinismClass)
    const before = this.#batches
    const onSteps = ({ step }: { readonly step: number }) =>
      onProgress?.(before + step - shard.fromStep, bundle.record.training.steps)
    invariant(peer.length > 0, 'a member')
    this.#redone.set(found, await this.#train(device, shard, { signal, onSteps }))
    this.#batches = before + batchesIn(batches)
    return undefined
  }

  /** Runs a replica's shard from the state that the child holds: how it got there makes no difference to a bit. */
  async #train(
    device: string,
    shard: ReplicaShard,
    run: Parameters<ReplayInit['worker']['train']>[3],
  ): Promise<Redone> {
    const redone = await this.#init.worker.train(device, this.#rebased(device, shard), 0, run)
    this.#held.set(device, shard.replica.round)
    return redone
  }

  #rebased(device: string, shard: ReplicaShard): ReplicaShard {
    const { closed, lineages, snapshots } = this.#history
    const { replica, state } = shard
    const held = this.#held.get(device)
    const first = snapshots.get(0)!
    const from = held ?? 0
    const since = closed.slice(from, replica.round)
    const { learningRate } = this.#job.request
    return {
      ...shard,
      state: held === undefined ? first.state : state,
      replica: {
        ...replica,
        held: held !== undefined,
        lineage: lineages[from]!,
        at: [],
        updates: since.map(({ outcome }) => outcome.aggregates.map(({ update, at }) => ({ update, at }))),
        ...(replica.rates && { rates: since.map(({ manifest }) => learningRateAt(learningRate, manifest.position)) }),
        inner: replica.inner ?? state,
      },
    }
  }

  async #contributions({
    index,
    round: { round, counted },
    computedBy,
    ...part
  }: RoundPart): Promise<Difference | undefined> {
    const metrics = await this.#init.bundle.metrics({ ...part, index })
    let row = 0
    for (const [i, each] of counted.entries()) {
      const redone = this.#redone.get(each.shard)
      invariant(redone, `a contribution counted in round ${round} that no round asked for`)
      const place = { part: index, round, member: i }
      const different = differentRow(metrics, redone.metrics, row)
      const steps = redone.metrics.step && (typedArrayOf(redone.metrics.step) as BigInt64Array)
      if (different) return { what: 'metrics', ...place, step: Number(steps?.[different.row]), ...different.values }
      row += batchesIn(each.batches)
      const other = differentCommitment(computedByOf(computedBy, i), redone)
      if (other) return { what: 'commitment', ...place, ...other.values }
      const given = differentUpdate(each, redone)
      if (given) return { ...given, ...place }
    }
    return undefined
  }

  async #slices({ index, round: outcome }: RoundPart, manifest: RoundManifest): Promise<Difference | undefined> {
    const { worker, signal } = this.#init
    const [device] = worker.devices
    const shards = reduceShardsOf(this.#job, manifest, outcome, this.#history)
    for (const [slice, shard] of shards.entries()) {
      const reduced = await worker.reduce(device!.id, shard, signal)
      const { update, residual } = outcome.aggregates[slice]!
      const place = { part: index, round: outcome.round, name: `slice ${slice}` }
      const [found] = reduced.updates
      if (found?.blob !== update.blob)
        return { what: 'aggregate', ...place, expected: update.blob, found: found?.blob ?? 'none' }
      if (residual && residual.blob !== reduced.state?.blob)
        return { what: 'state', ...place, expected: residual.blob, found: reduced.state?.blob ?? 'none' }
    }
    return undefined
  }

  /** Shared states that were made files of, and measured: in the end that of the trained model. */
  async #snapshotsBefore(round: number): Promise<Verdict | undefined> {
    for (const part of this.#snapshots.filter(({ checkpoint }) => checkpoint.shared.round === round)) {
      const verdict = await this.#snapshot(part)
      if (verdict) return verdict
      addSnapshot(this.#history, part.checkpoint)
    }
    return undefined
  }

  async #snapshot({ index, checkpoint, computedBy, ...part }: SnapshotPart): Promise<Verdict | undefined> {
    const { worker, signal } = this.#init
    const { round, at } = checkpoint.shared
    const manifest = this.#manifests.get(round) ?? this.#manifests.get(round - 1)
    invariant(manifest, `a manifest of round ${round}, or of the one before`)
    const [by] = computedBy ?? []
    const device = deviceOf(worker, by?.determinismClass)
    if (device === undefined) return classMissing(this.#init, { ...part, index }, by?.determinismClass ?? '')
    const plan = { round, member: this.#snapshotter(at, round), measured: checkpoint.validation !== undefined }
    const shard = snapshotShardOf(this.#job, manifest, plan, this.#history)
    const redone = await this.#train(device, shard, { signal, onSteps: () => {} })
    this.#state = redone.state.blob
    const other = differentCommitment(by, redone)
    if (other) return differs({ what: 'commitment', part: index, round, ...other.values })
    const validation = differentValidation(checkpoint.validation, redone)
    if (validation) return differs({ what: 'validation', part: index, round, ...validation })
    if (redone.state.blob === checkpoint.state.blob) return undefined
    return differs({ what: 'state', part: index, round, expected: checkpoint.state.blob, found: redone.state.blob })
  }

  /** What a peer goes on from that makes a snapshot: what last counted of it, or like any newcomer. */
  #snapshotter(peer: string, round: number): Parameters<typeof snapshotShardOf>[2]['member'] {
    const known = this.#history.members.get(peer)
    const newest = newestSnapshot(this.#history)
    const base = { round: newest.round, held: false }
    const isGradient = this.#manifests.get(0)?.recipe.mode === 'gradient'
    const steps = (own: number) => (isGradient ? round : own)
    if (known) return { peer, base, inner: known.inner, fromStep: steps(known.steps) }
    const { training, request } = this.#job
    return newest.round > 0 && request.rounds.replacement === 'zero'
      ? { peer, base, inner: training.state, fromStep: steps(0) }
      : { peer, base, fromStep: steps(newest.optimiserSteps) }
  }

  /** What came out of members has been compared and made one of: their inner states of before, and what they gave, may go. */
  async #dropOld({ counted }: RoundOutcome): Promise<void> {
    for (const { shard, updates } of counted) {
      this.#redone.delete(shard)
      for (const update of updates) await this.#init.worker.drop(update)
    }
  }
}

/** What a member gave that is not what counted. */
function differentUpdate(
  { updates, inner }: Counted,
  redone: Redone,
): Pick<Difference, 'what' | 'name' | 'expected' | 'found'> | undefined {
  for (const [slice, { blob }] of updates.entries()) {
    const found = redone.updates[slice]?.blob ?? 'none'
    if (found !== blob) return { what: 'update', name: `slice ${slice}`, expected: blob, found }
  }
  if (inner.blob === redone.state.blob) return undefined
  return { what: 'state', name: 'of its own', expected: inner.blob, found: redone.state.blob }
}

/** Who computed the shard of this place in a part. */
function computedByOf(computedBy: readonly ComputedBy[] | undefined, index: number): ComputedBy | undefined {
  let before = 0
  return computedBy?.find(({ shards }) => {
    before += shards
    return index < before
  })
}

function classMissing({ worker }: ReplayInit, { index }: Pick<ResultPart, 'index'>, recorded: string): Verdict {
  const here = worker.devices.map(({ determinismClass }) => determinismClass)
  return { verdict: 'class missing', recorded, here, part: index }
}

function differs(at: Difference): Verdict {
  return { verdict: 'differs', at }
}
