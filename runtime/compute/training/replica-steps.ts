import { type Digest, isAividaError, userError } from '../../base/index.ts'
import type { SafetensorsSource } from '../../data/tensor/safetensors.ts'
import type { Replica } from '../../protocol/index.ts'
import type { ChildReplica, ChildSession, ChildTraining, SteppedModel } from '../engine/index.ts'
import type { StepSignature } from '../graph/training/step-signature.ts'
import { layoutOf, type SharedLayout, sliceEnds } from '../update/index.ts'
import { checkReplicaNames, innerIn, momentumIn } from './replica-files.ts'
import { tensorsIn } from './state-blob.ts'
import { FeedMemory } from './step-feed.ts'

/** A replica in an engine child. */
export interface LiveReplica {
  readonly signature: StepSignature
  readonly layout: SharedLayout
  readonly training: ChildTraining
  readonly replica: ChildReplica
  readonly memory: FeedMemory
  readonly mode: Replica['mode']
}

/** What a {@link LiveReplica} begins with. */
export interface ReplicaFiles {
  /** The shared state: a snapshot, or the state that a training begins with. */
  readonly state: SafetensorsSource
  readonly frozen?: SafetensorsSource | undefined
}

/** What a replica runs. */
export interface ReplicaSessions {
  /** The step, or the half of it that gives gradients ... */
  readonly session: ChildSession
  /** ... and then the other half, and how they fit. */
  readonly split?: NonNullable<SteppedModel['split']> | undefined
}

/**
 * Begins a replica in sessions of the step. Its inner state is that of the file, with nothing left over of earlier updates.
 * Throws `rounds.state`, `train.state`, `tensor.malformed`, `engine.*`.
 */
export async function beginReplica(
  { session, split }: ReplicaSessions,
  signature: StepSignature,
  { state, frozen }: ReplicaFiles,
  signal?: AbortSignal,
): Promise<LiveReplica> {
  checkReplicaNames(signature)
  const layout = layoutOf(signature)
  const init = {
    state: await tensorsIn(state, signature.state),
    frozen: frozen ? await tensorsIn(frozen, signature.frozen) : [],
    metrics: signature.metrics,
    ...(split && { split }),
  }
  const training = await session.train(init, signal)
  const momentum = split ? undefined : await momentumIn(state, layout)
  const { length, plain } = layout
  const shared = layout.tensors.map(({ index }) => index)
  const replica = await training.replica({ shared, length, plain, ...(momentum && { momentum }) }, signal)
  return { signature, layout, training, replica, memory: new FeedMemory(), mode: split ? 'gradient' : 'local' }
}

/** Has a replica go on from an inner state: that of a file of its own, or of a whole state. Throws as {@link beginReplica}. */
export async function restoreInner(
  { signature, layout, replica, mode }: LiveReplica,
  file: SafetensorsSource,
  signal?: AbortSignal,
): Promise<void> {
  const { tensors, residual } = await innerIn(file, signature, layout, mode)
  await replica.restore(tensors, residual, signal)
}

/** Bytes of updates that go to the child at once, within a round. */
const MERGED_BYTES = 64 << 20

/** Rounds that led on from the shared state of a replica. */
export interface RoundsToMerge extends Pick<Replica, 'compressed' | 'outer' | 'updates'> {
  /** Of gradients: the scalars of each round's step. */
  readonly scalars?: readonly Readonly<Record<string, number>>[]
}

/**
 * Applies rounds in order, some at a time, read as they are needed; gives the SHA-256 of the shared state that they lead to.
 * Rounds of fewer members may have fewer slices. Throws what reading throws, `update.aggregate` for what cannot be read (its
 * message begins with who reduced it), and `update.*`.
 */
export async function mergeRounds(
  { replica, layout }: LiveReplica,
  { compressed, outer, updates, scalars }: RoundsToMerge,
  read: (blob: Digest) => Promise<Uint8Array>,
  signal?: AbortSignal,
): Promise<Digest> {
  for (let from = 0; ; ) {
    const rounds: Uint8Array[][] = []
    const first = from
    const slices = updates[from]?.length ?? 1
    for (let bytes = 0; updates[from]?.length === slices && bytes < MERGED_BYTES; from++) {
      const round = await Promise.all(updates[from]!.map(({ update }) => read(update.blob)))
      rounds.push(round)
      bytes += round.reduce((sum, { byteLength }) => sum + byteLength, 0)
    }
    const ends = sliceEnds(layout.length, layout.plain, slices)
    const steps = scalars && { scalars: scalars.slice(first, from) }
    const commitment = await replica.merge({ rounds, ends, compressed, outer, ...steps }, signal).catch((error) => {
      throw named(error, updates, first)
    })
    if (from === updates.length) return commitment
  }
}

/** Which of the rounds' updates an error is about, where it is about one. It stays as unreadable as it is: no use to retry. */
function named(error: unknown, updates: RoundsToMerge['updates'], first: number): unknown {
  if (!isAividaError(error)) return error
  const { round, slice } = error.facts
  if (typeof round !== 'number' || typeof slice !== 'number') return error
  const back = updates.length - first - round
  const ago = back === 1 ? '1 round back' : `${back} rounds back`
  const at = updates[first + round]?.[slice]?.at
  return userError(
    'update.aggregate',
    `${at} reduced slice ${slice}, ${ago}, to nothing that can be read: ${error.message}`,
    { at, cause: error.code },
  )
}
