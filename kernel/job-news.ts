import type { AividaError } from '../runtime/base/errors.ts'
import type { NodeEvent, Parameter, PeerView } from '../runtime/protocol/index.ts'
import type { Cell } from './cell.ts'

/** What a job computes. */
export type JobProgram = 'infer' | 'train' | 'sweep'

/** What a live view of a job is told, in this order: the session tells it (`session/`), the display draws it (`display/`). */
export type JobNews =
  /**
   * The cell has asked for it, and the node does not have it yet: a model is built, data are sent. `name`: what it is called here,
   * which of a job without a name may be that of its model.
   */
  | { readonly type: 'submitting'; readonly program: JobProgram; readonly name?: string }
  /**
   * The node has it. `alone`: there is no other machine, so that it runs on this one. `peers`: who is about, this node among
   * them. `sweep`: of one, what no event tells.
   */
  | {
      readonly type: 'submitted'
      readonly job: string
      readonly alone: boolean
      readonly peers: readonly PeerView[]
      readonly sweep?: SweepNews
    }
  /**
   * What the node says of it: all of its parts from the first one on, with absolute paths of their files, its status, the steps
   * of a training, its shards. The last one is a `job` whose state is not `running`. `measured`: of a part of a training, what
   * each of its steps measured, by metric; absent where its file cannot be read.
   */
  | {
      readonly type: 'event'
      readonly event: NodeEvent
      readonly measured?: Readonly<Record<string, readonly number[]>>
    }
  /** It was not taken, or, with a `job`, no more can be heard of it: it may well go on. Nothing follows. */
  | { readonly type: 'failed'; readonly error: AividaError; readonly job?: string }

/** What a sweep tries. */
export interface SweepNews {
  /** The parameters of its trials, in their order. */
  readonly trials: readonly Readonly<Record<string, Parameter>>[]
  /** What they are ranked by, and which way is better. */
  readonly metric: string
  readonly goal: 'min' | 'max'
}

/** Shows a job in a cell, in one place, as long as there is news. Never throws, never waits. */
export type ShowJob = (news: AsyncIterable<JobNews>, cell: Cell) => void
