import { randomBytes } from 'node:crypto'

/** The one source of randomness. Keys come from {@link systemRandom} alone; a seeded one is for tests and simulation. */
export interface Random {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array
  /** A number in [0, 1). */
  float(): number
}

/** The machine's cryptographic randomness. */
export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  float: () => randomBytes(4).readUInt32LE(0) / 2 ** 32,
}

/** A reproducible stream (sfc32, Doty-Humphrey, PractRand). Not for keys. */
export function seededRandom(seed: number): Random {
  let [a, b, c, counter] = [seed >>> 0, 0x9e3779b9, 0x243f6a88, 1]
  const next = (): number => {
    const t = (((a + b) >>> 0) + counter) >>> 0
    counter = (counter + 1) >>> 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) >>> 0
    c = (((c << 21) | (c >>> 11)) + t) >>> 0
    return t
  }
  for (let i = 0; i < 12; i++) next()
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
    float: () => next() / 2 ** 32,
  }
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford base 32: no letter that reads as a digit

/** A readable random identifier of `length` base-32 characters (5 bits each). Default: 16 (80 bits). */
export function randomId(random: Random, length = 16): string {
  return Array.from(random.bytes(length), (byte) => ALPHABET[byte & 31]).join('')
}
