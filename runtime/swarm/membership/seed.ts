import type { SeedSource } from '../../protocol/index.ts'

/** An address to begin at, which ends in `/p2p/<peer>`, and where it was learnt. */
export interface Seed {
  readonly address: string
  readonly source: SeedSource
}
