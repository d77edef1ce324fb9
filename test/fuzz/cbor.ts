/** Structure-aware mutation of CBOR: the value is altered, and then written as no honest encoder would. */
import * as dagCbor from '@ipld/dag-cbor'
import type { Random } from '../../runtime/base/index.ts'
import { below, mutateBytes, pick } from './bytes.ts'

/** CBOR (RFC 8949) that stands for itself in a value. */
class Raw {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

const raw = (hex: string) => new Raw(Buffer.from(hex, 'hex'))

/** Valid by themselves or not: each is at odds with some rule of DAG-CBOR or with what a reader expects. */
const ODDITIES: readonly Raw[] = [
  ...[
    '1bffffffffffffffff',
    '3bffffffffffffffff',
    '1b0020000000000000',
    '1800',
    '1900ff',
    'f97e00',
    'fb7ff8000000000000',
  ],
  ...[
    'fb7ff0000000000000',
    'f97c00',
    'fb3ff8000000000000',
    'f7',
    'e0',
    'f820',
    'ff',
    '9f01ff',
    'bf6161' + '01ff',
    '5f4101ff',
  ],
  ...[
    '9bffffffffffffffff',
    '9affffffff',
    'bb00000000ffffffff',
    '5bffffffffffffffff',
    '7affffffff',
    '62c328',
    'c100',
    'd82a4100',
  ],
  ...[
    `d82a582500${'01711220'.padEnd(72, '0')}`,
    'a2616101616102',
    'a2616201616102',
    'a10101',
    'a0',
    '80',
    '60',
    '40',
    'f6',
  ],
].map(raw)

const LEAVES: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 23, 24, 255, 256, 65_536, 0.5, -0.5, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 1e300],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 8.64e15, 8.64e15 + 1, 2n ** 53n, 2n ** 64n - 1n, -(2n ** 63n)],
  ...['', 'a', '\u0000', '\u001b[2J', '../../etc/passwd', '__proto__', '\ufeff', '1e9', '-1', '0x10', '1'.repeat(40)],
  ...[new Uint8Array(), new Uint8Array(32), new Uint8Array(64), [], {}],
]
const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'v', 'type', 'kind', '', 'then']

type Place = { readonly parent: Record<string | number, unknown>; readonly key: string | number }

/** Every place in a value that something else can be put into. */
function places(root: unknown): Place[] {
  const found: Place[] = []
  const open: unknown[] = [root]
  for (let node = open.pop(); node !== undefined && found.length < 4_096; node = open.pop()) {
    if (node === null || typeof node !== 'object' || ArrayBuffer.isView(node) || node instanceof Raw) continue
    for (const key of Array.isArray(node) ? node.keys() : Object.keys(node)) {
      const parent = node as Record<string | number, unknown>
      found.push({ parent, key })
      open.push(parent[key])
    }
  }
  return found
}

/** A value that takes the place of `value`. */
function altered(value: unknown, random: Random): unknown {
  if (random.float() < 0.25) return pick(random, LEAVES)
  if (random.float() < 0.25) return pick(random, ODDITIES)
  if (typeof value === 'number')
    return pick(random, [value + 1, value - 1, -value, value * 2, value + 0.5, String(value)])
  if (typeof value === 'bigint') return pick(random, [value + 1n, -value, Number(value), String(value)])
  if (typeof value === 'string') {
    const at = below(random, value.length)
    return pick<unknown>(random, [
      value.slice(0, at),
      value + value,
      value.slice(0, at) + pick(random, ['\u0000', 'é', '\ud83d\ude00', '\n', '/', ' ']) + value.slice(at + 1),
      value.toUpperCase(),
      value.slice(0, 50).repeat(pick(random, [10, 1_000, 20_000])),
      Buffer.from(value),
    ])
  }
  if (value instanceof Uint8Array) return random.float() < 0.9 ? mutateBytes(value, random) : value.toString()
  if (Array.isArray(value)) return alteredArray(value, random)
  if (value !== null && typeof value === 'object' && !(value instanceof Raw))
    return alteredMap(value as Record<string, unknown>, random)
  return nested(value, random)
}

function alteredArray(array: readonly unknown[], random: Random): unknown {
  const item = array.length > 0 ? pick(random, array) : pick(random, LEAVES)
  const times = pick(random, [1, 2, 20, 300, random.float() < 0.02 ? 100_000 : 5_000])
  return pick<() => unknown>(random, [
    () => [...array, ...Array(fitting(times, item, random)).fill(item)],
    () => Array(times).fill(pick(random, LEAVES)),
    () => array.slice(1),
    () => array.toReversed(),
    () => ({ ...array }),
    () => nested(array, random),
  ])()
}

/** How often a value may be repeated before an input gets larger than any decoder takes. */
function fitting(times: number, value: unknown, random: Random): number {
  return Math.min(times, Math.floor(MAX_BYTES / (1 + encodeCbor(value, random).byteLength)))
}

const MAX_BYTES = 4 << 20

function alteredMap(map: Record<string, unknown>, random: Random): unknown {
  const entries = Object.entries(map)
  const [key, value] = entries.length > 0 ? pick(random, entries) : ['a', 1]
  const put = (name: string, content: unknown) => new Raw(encodeMap([...entries, [name, content]], random))
  return pick<() => unknown>(random, [
    () => Object.fromEntries(entries.filter(([name]) => name !== key)),
    () => put(key, value),
    () => put(pick(random, KEYS), pick(random, [map, value, pick(random, LEAVES)])),
    () => ({ ...map, [`${key}x`]: value }),
    () => new Raw(encodeMap([['__proto__', map]], random)),
    () =>
      Object.fromEntries(
        Array.from({ length: fitting(random.float() < 0.02 ? 50_000 : 200, value, random) }, (_, i) => [
          `${key}${i}`,
          value,
        ]),
      ),
    () => Object.values(map),
    () => nested(map, random),
  ])()
}

function nested(value: unknown, random: Random): unknown {
  const depth = pick(random, [1, 3, 60, 30_000])
  const [open, inner] = pick(random, [
    ['81', value],
    ['a16161', value],
    ['81', 0],
  ] as const)
  return new Raw(Buffer.concat([Buffer.from(open.repeat(depth), 'hex'), encodeCbor(inner, random)]))
}

/** CBOR bytes altered in their structure; bytes that are none altered blindly. */
export function mutateCbor(bytes: Uint8Array, random: Random, other: Uint8Array = bytes): Uint8Array {
  let root: { value: unknown }
  try {
    root = { value: dagCbor.decode(bytes) }
  } catch {
    return mutateBytes(bytes, random, other)
  }
  for (let left = 1 + below(random, 3); left > 0; left--) {
    const { parent, key } = pick(random, [{ parent: root, key: 'value' } as unknown as Place, ...places(root)])
    if (key === 'v' && random.float() < 0.9) continue // else little but versions would be tried
    parent[key] = random.float() < 0.1 ? graft(other, random) : altered(parent[key], random)
  }
  return encodeCbor(root.value, random)
}

/** A piece of another document. */
function graft(other: Uint8Array, random: Random): unknown {
  try {
    const donor = { value: dagCbor.decode<unknown>(other) }
    const { parent, key } = pick(random, places(donor))
    return parent[key]
  } catch {
    return pick(random, LEAVES)
  }
}

/** CBOR of a value, now and then with numbers longer than they need to be and keys in another order. */
function encodeCbor(value: unknown, random: Random): Uint8Array {
  if (value instanceof Raw) return value.bytes
  if (value === null || value === undefined) return Uint8Array.of(0xf6)
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value), random), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.byteLength, random), value])
  if (typeof value === 'bigint') return value < 0n ? head(1, -1n - value, random) : head(0, value, random)
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value < 0 ? head(1, -1 - value, random) : head(0, value, random)
    const double = Buffer.alloc(9, 0xfb)
    double.writeDoubleBE(value, 1)
    return double
  }
  if (Array.isArray(value))
    return Buffer.concat([head(4, value.length, random), ...value.map((item) => encodeCbor(item, random))])
  return encodeMap(Object.entries(value as object), random)
}

function encodeMap(entries: readonly (readonly [string, unknown])[], random: Random): Uint8Array {
  const ordered = random.float() < 0.1 ? entries.toReversed() : entries
  const pieces = ordered.flatMap(([key, value]) => [encodeCbor(key, random), encodeCbor(value, random)])
  return Buffer.concat([head(5, entries.length, random), ...pieces])
}

function head(major: number, count: number | bigint, random: Random): Uint8Array {
  const needed = count < 24 ? 0 : count < 0x100 ? 1 : count < 0x10000 ? 2 : count < 0x1_0000_0000 ? 4 : 8
  const size = random.float() < 0.002 ? 8 : needed
  if (size === 0) return Uint8Array.of((major << 5) | Number(count))
  const bytes = Buffer.alloc(9)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(count)), 1)
  bytes[8 - size] = (major << 5) | { 1: 24, 2: 25, 4: 26, 8: 27 }[size]!
  return bytes.subarray(8 - size)
}
