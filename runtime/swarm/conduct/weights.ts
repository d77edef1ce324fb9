import type { AividaError } from '../../base/index.ts'

/** What no honest peer sends weighs this, in points. Sixteen of them in short order end a peer's stay. */
export const OFFENCE = 32

/**
 * What weighs otherwise, by the code of the error. Most are strays, which honest peers do now and then, too - being
 * late, slow, or in too great a hurry - and of which nothing comes in small numbers.
 */
const OTHERS: Readonly<Record<string, number>> = {
  // A lie that costs whoever believes it a shard's time, and no accident: honest nodes check what they send.
  'blob.wrong-chunk': 3 * OFFENCE,
  'peer.hasty': 0.03, // opens streams faster than it may: it is made to wait, and told of, no more
  'peer.busy': 1, // a stream beyond its share, refused before anything was read of it
  'peer.not-admitted': 1, // it was dropped, and what it had sent was underway
  'frame.truncated': 2,
  'receipt.late': 1, // its job has ended meanwhile
  'receipt.stale-epoch': 1, // its job was taken up anew
  'lease.not-held': 1, // it was called off, and the answer was underway
  'lease.stale-epoch': 1, // a submitter that does not know yet that another took its job up
  'lease.replayed': 8, // offered again under the same name, which a submitter gives once
  'grant.expired': 2,
  'grant.job': 2,
  'grant.missing': 4,
  'grant.audience': 4,
  'frame.slow': 16, // a message that was begun and not ended in time
  'peer.slow-reader': 16, // took nothing for too long
  'hello.busy': 1,
  'hello.refused': 4,
  'stranger.silent': 16, // connected, and no member in time
}

/** Codes of this category that say nothing about the peer's intent: its connection was lost, or it is gone. */
const BLAMELESS = /^(peer\.(not-connected|no-protocol|unreachable|offender)$|stream\.)/

/** What an error that a peer caused weighs, in points of `conductPoints`; 0 when it says nothing about the peer. */
export function weightOf({ code, category }: Pick<AividaError, 'code' | 'category'>): number {
  if (category !== 'peer' || BLAMELESS.test(code)) return 0
  return OTHERS[code] ?? OFFENCE
}
