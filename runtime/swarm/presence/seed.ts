import type { SeedSource } from '../../protocol/index.ts'

/** An address to begin at, which ends in `/p2p/<peer>`, and where it was learnt. */
export interface Seed {
  readonly address: string
  readonly source: SeedSource
}

/** What came of trying a seed. Times are wall ms. */
export interface SeedRecord extends Seed {
  readonly lastError?: { readonly code: string; readonly message: string }
  readonly triedWallMs?: number
  readonly reachedWallMs?: number
}

/** What is tried first after a start: who was there last time, then seeds, then whoever the network names. */
const ORDER = [['cached'], ['config', 'ticket', 'charter'], ['found']] as const

/** How much sooner those before it are tried. */
const HEAD_START_MS = 1_000

/** How long after the start an address of this source waits for those that are tried before it. Milliseconds. */
export function headStartMs(source: SeedSource | 'found', seeds: readonly Seed[]): number {
  const rank = ORDER.findIndex((sources) => (sources as readonly string[]).includes(source))
  const before = ORDER.slice(0, rank).filter((sources) =>
    seeds.some((seed) => (sources as readonly string[]).includes(seed.source)),
  )
  return before.length * HEAD_START_MS
}
