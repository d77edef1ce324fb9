import { type Clock, limit } from '../../base/index.ts'
import type { ControlMessage, ControlMessageOf, RefusalCounts } from '../../protocol/index.ts'
import { ClockSkew } from './clock-skew.ts'
import type { Member } from './member.ts'
import type { OwnCard } from './own-card.ts'

/** What a {@link Heartbeats} is made from. */
export interface HeartbeatsInit {
  readonly card: OwnCard
  readonly clock: Clock
  readonly refusalsOf: (peer: string) => RefusalCounts
  /** Whether we have a use for the link to a member. */
  readonly keeps: (member: Member) => boolean
  readonly post: (member: Member, message: ControlMessage) => void
}

/** Heartbeats remembered to measure round trips by. */
const REMEMBERED = 64

/** Heartbeats, both ways: that a node is there, whether it keeps the link, and how its clock stands to ours. */
export class Heartbeats {
  readonly skew = new ClockSkew()
  readonly #init: HeartbeatsInit
  /** When our heartbeats went out, by sequence. */
  readonly #sentMs = new Map<number, number>()
  #sequence = 0

  constructor(init: HeartbeatsInit) {
    this.#init = init
  }

  /** Says to everybody that this node is there. */
  beat(members: readonly Member[]): void {
    const { card, clock, refusalsOf, keeps, post } = this.#init
    const nowMs = clock.monoMs()
    this.#sentMs.set(++this.#sequence, nowMs)
    this.#sentMs.delete(this.#sequence - REMEMBERED)
    for (const member of members)
      post(member, {
        type: 'heartbeat',
        sequence: this.#sequence,
        cardSequence: card.sequence,
        refusals: refusalsOf(member.peer),
        wallMs: Math.max(0, Math.floor(clock.wallMs())),
        ...(member.beat && { echo: { sequence: member.beat.sequence, heldMs: nowMs - member.beat.atMs } }),
        ...(!keeps(member) && { keeps: false }),
      })
  }

  /** Hears a member's heartbeat. */
  hear(member: Member, { sequence, refusals, wallMs, echo, keeps }: ControlMessageOf<'heartbeat'>): void {
    const { clock } = this.#init
    const nowMs = clock.monoMs()
    member.beat = { sequence, atMs: nowMs }
    member.refusals = refusals
    member.keeps = keeps ?? true
    const sentMs = echo && this.#sentMs.get(echo.sequence)
    if (wallMs === undefined || echo === undefined || sentMs === undefined) return
    const roundTripMs = nowMs - sentMs - echo.heldMs
    if (roundTripMs < 0 || roundTripMs > limit('suspectAfterMs')) return // too slow to say anything, or made up
    this.skew.note(member.peer, { roundTripMs, aheadMs: clock.wallMs() - wallMs - roundTripMs / 2 })
  }
}
