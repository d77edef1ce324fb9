import type { Clock } from '../../../base/index.ts'
import type { Gate, PeerId } from '../transport.ts'

/** Who is let in, and who hears of a peer that asks for too much: what connections need to know of their node. */
export interface ConnectionGuard {
  readonly clock: Clock
  readonly admits: Gate
  /** A peer opens streams faster than any honest one would; it is made to wait. */
  tooFast(peer: PeerId): void
}
