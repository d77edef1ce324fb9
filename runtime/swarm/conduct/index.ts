/**
 * What a peer may take of this node, and what becomes of one that takes more or breaks the protocol. Buckets, records
 * and rules are pure; {@link Warden} is the thin shell that asks the clock and tells the transport.
 */
export type { ConductRecord } from './conduct.ts'
export * from './warden.ts'
