import type { Digest } from '../../../base/index.ts'
import type { BlobRef, RoundManifest, RoundsView, ShardSpec } from '../../../protocol/index.ts'
import { shardId } from '../../../protocol/index.ts'
import type { PartOrder, PlacedShard, ProgramStep } from '../program.ts'
import type { RoundsOptions } from './options.ts'
import type { KeptShard, RoundsState, Standing } from './state.ts'
import { wakeAt } from './waking.ts'

type Done = NonNullable<ProgramStep<RoundsState>['done']>

/** One step of the machine on its way: what it works on, and what it has said so far. */
export class Turn {
  readonly options: RoundsOptions
  readonly state: RoundsState
  readonly nowMs: number
  readonly parts: PartOrder[] = []
  readonly #placed = new Map<Digest, PlacedShard>()
  readonly #cancel = new Set<Digest>()
  readonly #rounds: RoundManifest[] = []
  readonly #release = new Set<Digest>()
  readonly #forget: BlobRef[] = []
  #done: Done | undefined

  constructor(options: RoundsOptions, state: RoundsState, nowMs: number) {
    this.options = options
    this.state = state
    this.nowMs = nowMs
  }

  /** Gives a shard to a peer. */
  place(shard: ShardSpec, peer: string): void {
    const id = shardId(shard)
    this.#placed.set(id, { shard, peer })
    this.#release.delete(id) // what came out of it before is wanted again
  }

  /** A shard is of no use any more. */
  cancel(shard: Digest): void {
    if (!this.#placed.delete(shard)) this.#cancel.add(shard)
  }

  /** A round was opened, or a member of it is asked for another shard. */
  open(manifest: RoundManifest): void {
    this.#rounds.push(manifest)
  }

  /** A shard was accepted; its worker keeps what came out until {@link release}. */
  keep(shard: Digest, kept: KeptShard): void {
    this.state.kept.set(shard, kept)
  }

  /** Its worker may let go what came out of an accepted shard. */
  release(shard: Digest): void {
    this.state.kept.delete(shard)
    this.#release.add(shard)
  }

  /** A state that the submitter has is of no more use. */
  forget(state: BlobRef): void {
    this.#forget.push(state)
  }

  /** The job is over. */
  end(done: Done): void {
    this.#done ??= done
    this.state.isOver = true
  }

  /** What is known of a peer. */
  standing(peer: string): Standing {
    const { standings } = this.state
    const known = standings.get(peer)
    if (known) return known
    const standing: Standing = {
      slots: 0,
      isSilent: false,
      isGone: false,
      broughtTo: undefined,
      failuresInARow: 0,
      outUntil: 0,
      restsUntilMs: 0,
      haste: 1,
      reductionsFailed: 0,
      reducesFrom: 0,
    }
    standings.set(peer, standing)
    return standing
  }

  /** Whether a peer may still be reached: it was not seen to leave. */
  isHere(peer: string): boolean {
    return !this.state.standings.get(peer)?.isGone
  }

  /** What the program answers, and what people are shown. */
  answer(view: RoundsView): ProgramStep<RoundsState> {
    const wakeAtMs = wakeAt(this.state, this.nowMs)
    const isNews = JSON.stringify(view) !== JSON.stringify(this.state.shown)
    this.state.shown = view
    return {
      state: this.state,
      shards: [],
      cancel: [...this.#cancel],
      parts: this.parts,
      pull: 0,
      ...(this.#placed.size > 0 && { placed: [...this.#placed.values()] }),
      ...(this.#rounds.length > 0 && { rounds: this.#rounds }),
      ...(this.#release.size > 0 && { release: [...this.#release] }),
      ...(this.#forget.length > 0 && { forget: this.#forget }),
      ...(wakeAtMs !== undefined && { wakeAtMs }),
      ...(isNews && { view }),
      ...(this.#done && { done: this.#done }),
    }
  }
}
