/**
 * Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3): random
 * words by counting rather than by going on from a state, so that any part of a long sequence can be had by itself, the
 * same on every machine. Fills `words` with those of blocks `firstBlock`, `firstBlock + 1`, ..., four a block. Not for keys.
 */
export function philox(words: Uint32Array, key: readonly [number, number], firstBlock = 0, stream = 0): void {
  for (let at = 0, block = firstBlock; at < words.length; at += 4, block++) {
    let [a, b, c, d] = [block >>> 0, Math.floor(block / 2 ** 32) >>> 0, stream >>> 0, 0]
    let [k0, k1] = [key[0] >>> 0, key[1] >>> 0]
    for (let round = 0; round < 10; round++) {
      const high0 = highProduct(M0, a)
      const low0 = Math.imul(M0, a)
      const high1 = highProduct(M1, c)
      const low1 = Math.imul(M1, c)
      a = high1 ^ b ^ k0
      b = low1
      c = high0 ^ d ^ k1
      d = low0
      k0 = (k0 + W0) | 0
      k1 = (k1 + W1) | 0
    }
    words[at] = a
    if (at + 1 < words.length) words[at + 1] = b
    if (at + 2 < words.length) words[at + 2] = c
    if (at + 3 < words.length) words[at + 3] = d
  }
}

const [M0, M1, W0, W1] = [0xd2511f53, 0xcd9e8d57, 0x9e3779b9, 0xbb67ae85]

/** The upper 32 bits of a product of two words, by halves: a double holds 53 bits only. */
function highProduct(x: number, y: number): number {
  const [x0, x1, y0, y1] = [x & 0xffff, x >>> 16, y & 0xffff, y >>> 16]
  const middle = x1 * y0 + ((x0 * y0) >>> 16)
  const carry = x0 * y1 + (middle & 0xffff)
  return (x1 * y1 + Math.floor(middle / 65_536) + Math.floor(carry / 65_536)) | 0
}
