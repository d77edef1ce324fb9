import { type Digest, isAividaError, limit, merkleRoot, userError } from '../../base/index.ts'
import type { CharterState } from './charter-state.ts'
import { assertStanding, type Member, type OpenLeave } from './membership.ts'

/** The members that a node knows of, one membership each: the newest. What it is given was opened and checked. */
export class Roster {
  readonly #members = new Map<string, Member>()
  readonly #leaves = new Map<string, OpenLeave>()

  get size(): number {
    return this.#members.size
  }

  /** By node id. */
  member(node: string): Member | undefined {
    return this.#members.get(node)
  }

  /** Sorted by node id. */
  members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** What nodes said when they left; bounded as the members are, the oldest are forgotten first. */
  leaves(): OpenLeave[] {
    return [...this.#leaves.values()]
  }

  /** Whether the roster changed: a membership older than the known one, or than its node's leave, does not count. */
  add(member: Member): boolean {
    const { node } = member
    const known = this.#members.get(node)
    if (known ? !isNewer(member, known) : hasLeft(this, member)) return false
    if (!known && this.#members.size >= limit('members'))
      throw userError('roster.full', `the roster holds ${this.#members.size} members, the most allowed`)
    this.#members.set(node, member)
    return true
  }

  /** When a node left last, by its own word. */
  leftWallMs(node: string): number | undefined {
    return this.#leaves.get(node)?.leftWallMs
  }

  /** Takes out a node by its own word; whether it was in. */
  leave(leave: OpenLeave): boolean {
    const { node, leftWallMs } = leave
    if (leftWallMs <= (this.leftWallMs(node) ?? -1)) return false
    this.#leaves.delete(node)
    this.#leaves.set(node, leave)
    if (this.#leaves.size > limit('members')) this.#leaves.delete(this.#leaves.keys().next().value!)
    const known = this.#members.get(node)
    return known !== undefined && hasLeft(this, known) && this.#members.delete(node)
  }

  /** Takes out those whose membership no longer counts, after the charter has changed or time has passed. */
  refresh(state: CharterState, nowWallMs: number): Member[] {
    const dropped = this.members().filter((member) => !hasStanding(state, member, nowWallMs))
    for (const { node } of dropped) this.#members.delete(node)
    return dropped
  }

  /** How many nodes are in by this ticket, whoever admitted them. */
  admittedBy(ticket: string): string[] {
    return [...this.#members.values()].flatMap((member) => (member.ticket === ticket ? [member.node] : []))
  }
}

/** Merkle root (RFC 6962 section 2.1) over the members' documents, in order of node id: equal rosters, equal roots. */
export function rosterRoot(roster: Pick<Roster, 'members'>): Digest {
  return merkleRoot(roster.members().map(({ digest }) => digest))
}

/** Whether a member's node has left since it was admitted. */
export function hasLeft(roster: Pick<Roster, 'leftWallMs'>, { node, admittedWallMs }: Member): boolean {
  return admittedWallMs <= (roster.leftWallMs(node) ?? -1)
}

/** Two memberships of one moment are told apart by hash, so that every node keeps the same one. */
function isNewer(a: Member, b: Member): boolean {
  return a.admittedWallMs === b.admittedWallMs ? a.digest > b.digest : a.admittedWallMs > b.admittedWallMs
}

function hasStanding(state: CharterState, member: Member, nowWallMs: number): boolean {
  try {
    assertStanding(state, member, nowWallMs)
    return true
  } catch (error) {
    if (isAividaError(error)) return false
    throw error
  }
}
