import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { AividaError } from './errors.ts'

/**
 * Everything that machines exchange or keep - frames, log entries, signed documents - is one deterministic CBOR map
 * (DAG-CBOR, https://ipld.io/specs/codecs/dag-cbor/spec/) that carries `v`, its format version.
 *
 * One rule for what a reader doesn't know: an unknown *field* is dropped, a newer *version* is refused. A change that
 * old readers may ignore adds an optional field; any other change raises the version and adds an upgrade step. Files
 * that people write (the configuration) are stricter: an unknown key is an error that names the nearest known one.
 */
export interface Codec<T> {
  readonly name: string
  readonly version: number
  readonly schema: z.ZodType<T>
  /** Canonical bytes: equal values give equal bytes, so their hash can be a name. */
  encode(value: T): Uint8Array
  /** Checks size, then version, then content. Throws `encoding.size`, `encoding.malformed`, `encoding.version`. */
  decode(bytes: Uint8Array): T
}

/** How to define a {@link Codec}. */
export interface CodecInit<T> {
  readonly name: string
  readonly version?: number
  readonly schema: z.ZodType<T>
  /** Refused above this, before anything is parsed. Bytes. Default: 1 MiB. */
  readonly maxBytes?: number
  /** `upgrades[n]` turns version n into n + 1. */
  readonly upgrades?: Readonly<Record<number, (old: Record<string, unknown>) => Record<string, unknown>>>
}

/** Defines the one home of a format: its name, version, shape and bounds. */
export function codec<T>(init: CodecInit<T>): Codec<T> {
  const version = init.version ?? 1
  const maxBytes = init.maxBytes ?? 1 << 20
  const refuse = (code: string, message: string) =>
    new AividaError({ code: `encoding.${code}`, category: 'peer', message: `${init.name}: ${message}` })
  return {
    name: init.name,
    version,
    schema: init.schema,
    encode: (value) => dagCbor.encode({ ...withoutUndefined(value as Record<string, unknown>), v: version }),
    decode(bytes) {
      if (bytes.byteLength > maxBytes) throw refuse('size', `${bytes.byteLength} bytes, at most ${maxBytes} allowed`)
      let raw: Record<string, unknown>
      try {
        raw = dagCbor.decode(bytes)
      } catch (error) {
        throw refuse('malformed', `not DAG-CBOR (${shortened((error as Error).message)})`)
      }
      if (setsPrototype(bytes, raw)) throw refuse('malformed', 'a key is __proto__, which no format here has')
      const found = raw !== null && typeof raw === 'object' ? raw.v : undefined
      if (typeof found !== 'number' || !Number.isInteger(found) || found < 1)
        throw refuse(
          'version',
          `expected a version, found ${typeof found === 'object' ? 'something else' : shortened(String(found))}`,
        )
      if (found > version)
        throw refuse('version', `version ${found} is newer than ${version}, the newest known here; update aivida`)
      for (let at = found; at < version; at++) {
        const upgrade = init.upgrades?.[at]
        if (!upgrade) throw refuse('version', `version ${at} is no longer read; the oldest is ${at + 1}`)
        raw = upgrade(raw)
      }
      const parsed = init.schema.safeParse(raw)
      if (!parsed.success) throw refuse('malformed', problemsOf(parsed.error))
      return parsed.data
    },
  }
}

/** Problems that a refusal names: whoever wrote the bytes decides how many there are, and how long their words. */
const SHOWN_PROBLEMS = 5
const SHOWN_CHARACTERS = 200

function problemsOf({ issues }: z.ZodError): string {
  const shown = issues.slice(0, SHOWN_PROBLEMS).map(({ message, path }) => {
    const at = path.length === 0 ? '' : ` at ${shortened(path.map(String).join('.'))}`
    return `${shortened(message)}${at}`
  })
  const more = issues.length - shown.length
  return `${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}...`
}

/** Whether a map's key `__proto__` gave an object of it another prototype: fields that it inherits are not its own. */
function setsPrototype(bytes: Uint8Array, value: unknown): boolean {
  if (!Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('__proto__')) return false
  const open = [value] // not by recursion: it may be as deep as its decoder could go
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node === null || typeof node !== 'object' || node instanceof Uint8Array) continue
    if (!Array.isArray(node) && Object.getPrototypeOf(node) !== Object.prototype) return true
    for (const inner of Object.values(node)) open.push(inner)
  }
  return false
}

/** Plain deterministic CBOR of a value, for hashing; `undefined` fields are left out. */
export function canonicalBytes(value: unknown): Uint8Array {
  return dagCbor.encode(withoutUndefined(value))
}

function withoutUndefined<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutUndefined) as T
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => [key, withoutUndefined(field)]),
  ) as T
}

/** Bytes in a schema: a view, not a copy. */
export const bytesSchema = z.instanceof(Uint8Array) as z.ZodType<Uint8Array>
