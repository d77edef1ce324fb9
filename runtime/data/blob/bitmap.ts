/** Bits as they travel: bit `i` is bit `i % 8`, from the least significant, of byte `i / 8`; the rest of the last byte is 0. */
export function packBits(count: number, isSet: (index: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(count / 8))
  for (let i = 0; i < count; i++) if (isSet(i)) bytes[i >> 3]! |= 1 << (i & 7)
  return bytes
}

/** Indices of the bits that are set, below `count`: what a peer sets beyond it is nothing. */
export function* setBits(bytes: Uint8Array, count: number): Generator<number> {
  for (let i = 0; i < count; i++) if (((bytes[i >> 3] ?? 0) & (1 << (i & 7))) !== 0) yield i
}
