import type { Clock, Logger } from '../../base/index.ts'
import type { Transport } from '../transport/transport.ts'
import { type LivenessEvent, type LivenessState, observe } from './liveness.ts'
import type { Member } from './member.ts'
import { SwarmListeners } from './swarm-listeners.ts'

/** What a {@link MemberTable} is made from. */
export interface MemberTableInit {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly liveness: LivenessState
}

/** Who is connected: the members that said hello, whether each is alive, and who wants to hear of it. */
export class MemberTable {
  readonly listeners = new SwarmListeners()
  readonly #init: MemberTableInit
  readonly #members = new Map<string, Member>()

  constructor(init: MemberTableInit) {
    this.#init = init
  }

  get(peer: string): Member | undefined {
    return this.#members.get(peer)
  }

  has(peer: string): boolean {
    return this.#members.has(peer)
  }

  /** A copy: members may be dropped while it is read. */
  all(): readonly Member[] {
    return [...this.#members.values()]
  }

  /** A member said hello; it takes the place of what was known of it. */
  admit(member: Member): void {
    this.#members.set(member.peer, member)
    this.observe({ type: 'joined', peer: member.peer })
  }

  /** Passes an event to the failure detector, and tells what it changed. */
  observe(event: LivenessEvent): void {
    const { liveness, clock, logger } = this.#init
    for (const { type, peer } of observe(liveness, event, clock.monoMs())) {
      const member = this.#members.get(peer)
      logger.info({ peer }, `a member is ${type}`)
      if (type === 'lost') this.drop(peer)
      else if (member) {
        member.state = type
        this.listeners.tell(type, peer)
      }
    }
  }

  /** Ends the connection to a member and tells that it is lost. */
  drop(peer: string): void {
    if (this.#disconnect(peer)) this.listeners.tell('lost', peer)
  }

  /** Ends a link that neither side has a use for: the member is as much here as before, and nobody hears of it. */
  release(peer: string): void {
    this.#disconnect(peer)
  }

  /** Whether there was a connection to end. */
  #disconnect(peer: string): boolean {
    const member = this.#members.get(peer)
    if (!member) return false
    const { liveness, clock, transport } = this.#init
    this.#members.delete(peer)
    member.link.close()
    observe(liveness, { type: 'left', peer }, clock.monoMs())
    transport.disconnect(peer).catch(() => {}) // it may be gone already, or the other side was first
    return true
  }
}
