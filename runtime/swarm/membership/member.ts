import type { NodeCard, RefusalCounts } from '../../protocol/index.ts'
import type { Carrier } from '../transport/transport.ts'
import type { ControlLink } from './control-link.ts'

/** A peer that said hello and was found to be a member. */
export interface Member {
  readonly peer: string
  readonly role: string
  readonly software: string
  readonly link: ControlLink
  readonly carrier: Carrier
  readonly address: string
  card: NodeCard | undefined
  state: 'alive' | 'suspect'
  /** When it was last heard. Monotonic ms. */
  heardMs: number
  /** Why this peer, as a submitter, gives us nothing. */
  refusals: RefusalCounts
}
