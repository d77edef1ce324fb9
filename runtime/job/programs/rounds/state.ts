import type { Digest } from '../../../base/index.ts'
import type {
  BlobRef,
  Counted,
  ReduceShard,
  ReplicaShard,
  RoundManifest,
  RoundOutcome,
  RoundRecipe,
  RoundsView,
} from '../../../protocol/index.ts'
import type { ShardFailure } from '../../scheduler/index.ts'
import type { Progress } from '../training.ts'
import type { MeasuredExchange } from './choose-recipe.ts'
import type { History } from './history.ts'
import type { SampleAccount } from './sample-account.ts'

/** What is known of a peer that was ever here or took part. */
export interface Standing {
  /** Shards that it computes at once; 0: it is not here. */
  slots: number
  /** Nothing was heard of it for a moment: it is not asked while there are others. */
  isSilent: boolean
  /** It was here in this run, and left. */
  isGone: boolean
  /** Its engine was brought to the shared state before this round; it may be further by now. */
  broughtTo: number | undefined
  /** Rounds in a row that it did not count in though it was asked to. */
  failuresInARow: number
  /** It is not asked before this round. */
  outUntil: number
  /** Nor before this, on the clock of the program. */
  restsUntilMs: number
  /** What its speed is multiplied by: less with each time that it came late. */
  haste: number
  /** Times that it failed to reduce, or reduced to what others could not read, or accused somebody alone. */
  reductionsFailed: number
  /** Until this round it reduces only where nobody else can. */
  reducesFrom: number
}

/** What a member gave to a round. */
export interface Contribution {
  readonly counted: Omit<Counted, 'weight'>
  /** Metrics of its steps. */
  readonly outputs: BlobRef
  /** SHA-256 of the shared state that it says to have begun with. */
  readonly commitment: Digest
}

/** The shared state that a member says to have begun with, by SHA-256. */
export interface Told {
  readonly peer: string
  readonly commitment: Digest
}

/** A member of the round that is open. */
export type MemberState =
  | { readonly status: 'asked' }
  | { readonly status: 'in'; readonly contribution: Contribution; readonly elapsedMs: number }
  /** Its time is over, and it is waited for: see {@link LateMember}. */
  | { readonly status: 'late' }
  | { readonly status: 'out' }

/** A member whose contribution is wanted after its round. */
export interface LateMember {
  readonly peer: string
  readonly round: number
  readonly batches: Counted['batches']
  /** Its replica begins there: updates since then are needed. */
  readonly baseRound: number
  /** Where its round was cut. */
  readonly slices: readonly number[]
  /** What the others of its round began with; known once that was told. */
  commitment: Digest | undefined
  arrived: Contribution | undefined
}

/** What is waited for of one slice. */
export interface SliceState {
  readonly spec: ReduceShard
  readonly shard: Digest
  readonly reducer: string
  /** Who was asked for it in this turn. */
  readonly tried: ReadonlySet<string>
  aggregate: RoundOutcome['aggregates'][number] | undefined
}

/** The end of a round: what counts is fixed, and becomes one. */
export interface Reducing {
  readonly contributions: readonly (Contribution & { readonly counted: Counted })[]
  slices: SliceState[]
  readonly sinceMs: number
  /** On the clock of the program; whoever is not done is not waited for any longer. */
  deadlineMs: number
  /** By shards of contributions: who said that they are of no use, or do not come. */
  readonly accused: Map<Digest, Set<string>>
  /** Slices that were given to somebody else. */
  moves: number
}

/** Why a shard was given up. */
export interface Failed {
  readonly shard: Digest
  readonly failures: readonly ShardFailure[]
}

/** The round that is under way. */
export interface OpenRound {
  manifest: RoundManifest
  readonly openedMs: number
  deadlineMs: number
  readonly members: MemberState[]
  /** Specs of the members' shards, by their names. */
  readonly shards: Map<Digest, { readonly index: number; readonly spec: ReplicaShard }>
  readonly excluded: RoundOutcome['excluded']
  /** Why shards of it were given up. */
  readonly failures: Failed[]
  diverged: number
  /** By who reduced it: the members that cannot read, or get, what a round came to. */
  readonly unread: Map<string, Set<string>>
  reducing: Reducing | undefined
}

/** A snapshot that was asked for. */
export interface OpenSnapshot {
  readonly shard: Digest
  readonly spec: ReplicaShard
  readonly round: number
  readonly peer: string
  /** The base of its replica: updates since then are needed. */
  readonly baseRound: number
  readonly measured: boolean
  /** When somebody else is asked. */
  readonly deadlineMs: number
}

/** An accepted shard whose worker still keeps what came out. */
export interface KeptShard {
  readonly kind: 'train' | 'reduce' | 'snapshot'
  readonly round: number
  readonly peer: string
}

/** Rounds on trial: nothing of them counts, and nothing is journalled. */
export interface Probe {
  /** Those that are over. */
  done: number
  readonly exchanges: MeasuredExchange[]
  stepMs: number
}

/** Where a training by rounds stands. */
export interface RoundsState {
  readonly history: History
  readonly account: SampleAccount
  readonly standings: Map<string, Standing>
  readonly progress: Progress
  /** How many take part at most, where that was said after the beginning. */
  scaled: number | undefined
  /** Chosen when the first round opens. */
  recipe: RoundRecipe | undefined
  /** The recipe in a line, and why it was chosen. */
  sync: string | undefined
  /** While rounds are on trial. */
  probe: Probe | undefined
  open: OpenRound | undefined
  /** By shard. */
  readonly late: Map<Digest, LateMember>
  snapshot: OpenSnapshot | undefined
  /** A snapshot is due as soon as somebody can make it. */
  due: { measured: boolean } | undefined
  /** Who failed to make the one that is due. */
  readonly snapshotFailures: {
    readonly shard: Digest
    readonly peer: string
    readonly failures: readonly ShardFailure[]
    /** Absent of one that was made, and is of another state than others say. */
    readonly spec?: ReplicaShard
  }[]
  /** What the members of the newest round say to have begun with, by the name of that state. */
  begun: { readonly lineage: Digest; readonly told: readonly Told[] } | undefined
  readonly kept: Map<Digest, KeptShard>
  /** Durable or ordered: the number of the next one. */
  parts: number
  /** Of the slowest member that came in time: ms a step, from the opening of the round on. */
  paceMs: number | undefined
  /** Of the last reduction, ms. */
  reduceMs: number | undefined
  /** Times in a row that the round was opened and nobody gave anything. */
  fruitless: number
  /** Rounds that the training came to at most ... */
  furthest: number
  /** ... and times that it went back since. */
  setbacks: number
  /** Who reduced to what nobody could read: named in the next round that is closed. */
  readonly named: RoundOutcome['excluded']
  /** The round that a training went back to last. */
  takenBack: number | undefined
  /** The round that was begun from a snapshot after going back: what members had left over then may be let go of. */
  freshFrom: number | undefined
  /** Since when nobody who is here can get to the present state. */
  stuckSinceMs: number | undefined
  /** Members of the last round that are waited for until then, after a restart. */
  returning: { readonly peers: ReadonlySet<string>; readonly untilMs: number } | undefined
  isOver: boolean
  /** What people were shown last. */
  shown: RoundsView | undefined
}
