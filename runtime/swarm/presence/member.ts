import type { NodeCard, RefusalCounts } from '../../protocol/index.ts'
import type { Carrier } from '../transport/transport.ts'
import type { ControlLink } from './control-link.ts'

/** A peer that said hello and was found to be a member: there is a link to it. Times are monotonic ms. */
export interface Member {
  readonly peer: string
  readonly role: string
  readonly software: string
  /** The newest protocol generation that both sides speak. */
  readonly version: number
  readonly link: ControlLink
  readonly carrier: Carrier
  readonly address: string
  card: NodeCard | undefined
  state: 'alive' | 'suspect'
  /** When it was last heard. */
  heardMs: number
  /** The last heartbeat heard from it. */
  beat: { readonly sequence: number; readonly atMs: number } | undefined
  /** Whether it has a use for the link, by its own word. */
  keeps: boolean
  /** Since when it hears from us that we have none. */
  spareSinceMs: number | undefined
  /** When jobs or blobs last used the link, and how many calls use it now. */
  usedMs: number
  inUse: number
  /** Why this peer, as a submitter, gives us nothing. */
  refusals: RefusalCounts
}
