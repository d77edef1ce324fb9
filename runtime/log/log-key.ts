/**
 * Signs what a log says of itself - its groups, its snapshots - and knows those signatures again. The log prefixes and
 * names what it signs, so a key that signs other documents too may be used.
 */
export interface LogKey {
  /** Which log this is, for example a job's id: a group of one log never passes for one of another. */
  readonly name: string
  /** The 64-byte Ed25519 signature (RFC 8032) of these bytes. */
  sign(bytes: Uint8Array): Uint8Array
  /** Whether `signature` is this key's over `bytes`. */
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}
