import type {
  Checkpoint,
  ModelRef,
  ResultPart,
  RoundManifest,
  RoundsRequest,
  Selection,
  TrainingSpec,
  TrainRequest,
} from '../../../protocol/index.ts'
import type { ModelKind } from './default-recipe.ts'

/** What a training by rounds is, by content: all that its shards are made from beside manifests and outcomes. */
export interface RoundsJob {
  /** The training step. */
  readonly model: ModelRef
  readonly training: TrainingSpec & { readonly rounds: NonNullable<TrainingSpec['rounds']> }
  readonly request: Pick<TrainRequest, 'seed' | 'learningRate' | 'commitEvery'> & { readonly rounds: RoundsRequest }
}

/** What a training by rounds is told once. */
export interface RoundsOptions extends RoundsJob {
  /** Which checkpoint is the best. Default: the last. */
  readonly select?: Selection
  /** For the defaults of the recipe. Default: `other`. */
  readonly kind?: ModelKind
  /** What an earlier run came to: its parts in order, and the rounds that it opened. */
  readonly before: {
    readonly parts: readonly Pick<ResultPart, 'round' | 'checkpoint' | 'shard'>[]
    readonly rounds: readonly RoundManifest[]
  }
  /** What a wall clock shows when the monotonic one is at 0, ms: outcomes say when rounds were open. */
  readonly wallAtZeroMs: number
}

/** A {@link Checkpoint} that others can take part from. */
export type SharedCheckpoint = Checkpoint & { readonly shared: NonNullable<Checkpoint['shared']> }

/** Whether it is one. */
export function isShared(checkpoint: Checkpoint | undefined): checkpoint is SharedCheckpoint {
  return checkpoint?.shared !== undefined
}
