import { inspect, types } from 'node:util'
import { isSecretField, REDACTED } from '../../runtime/base/secrets.ts'

/** Entries of a list, and fields of an object, that are shown. */
const ENTRIES = 100
/** Values that are shown in all, however they are nested. */
const VALUES = 2_000
const DEPTH = 5
const STRING_CHARACTERS = 2_000
/** A value that is nothing but a text is why it is looked at. */
const WHOLE_STRING_CHARACTERS = 10_000

const OPTIONS = {
  depth: DEPTH,
  maxArrayLength: ENTRIES + 1, // what says how many are left is one more
  maxStringLength: STRING_CHARACTERS,
  breakLength: 100,
  showProxy: false,
} as const

/**
 * Any value as text, as Node shows it. No getter is called, no proxy asked; fields that hold secrets are covered, and what is
 * too much is cut with a word that says so. Never throws.
 */
export function inspected(value: unknown): string {
  if (typeof value === 'string') return text(value)
  try {
    return inspect(new Pruning().of(value, 0), OPTIONS)
  } catch {
    try {
      return inspect(value, { ...OPTIONS, depth: 1, maxArrayLength: 10, customInspect: false })
    } catch {
      return `a value that cannot be shown (${typeof value})`
    }
  }
}

/** A text in quotes, with what is left out behind them. */
function text(value: string): string {
  const most = Math.min(value.length, WHOLE_STRING_CHARACTERS)
  const options = { maxStringLength: most, breakLength: Number.POSITIVE_INFINITY }
  return inspect(value, options)
}

/** What stands for entries that are not shown: its text without quotes. */
class More {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  [inspect.custom](): string {
    return this.text
  }
}

/** A value without what would be too much of it, or a secret: a copy where that makes a difference. */
class Pruning {
  readonly #copies = new Map<object, unknown>()
  #left = VALUES

  of(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null || types.isProxy(value)) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known
    if (depth > DEPTH) return value // shown as [Object]
    if (Array.isArray(value)) return this.#array(value, depth)
    if (types.isMap(value)) return this.#map(value, depth)
    if (types.isSet(value)) return this.#set(value, depth)
    if (ArrayBuffer.isView(value) || types.isNativeError(value) || inspect.custom in value) return value
    return types.isPromise(value) || types.isDate(value) || types.isRegExp(value) || types.isAnyArrayBuffer(value)
      ? value
      : this.#object(value, depth)
  }

  #array(value: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = []
    this.#copies.set(value, copy)
    const shown = Math.min(value.length, this.#room())
    for (let i = 0; i < shown; i++) {
      const found = Object.getOwnPropertyDescriptor(value, i)
      if (found && 'value' in found) copy[i] = this.#next(found.value, depth)
      else if (found) copy[i] = new More('[Getter]')
      else copy.length = i + 1
    }
    if (value.length > shown) copy.push(new More(`... ${(value.length - shown).toLocaleString('en')} more`))
    return copy
  }

  #map(value: ReadonlyMap<unknown, unknown>, depth: number): Map<unknown, unknown> {
    const copy = new Map<unknown, unknown>()
    this.#copies.set(value, copy)
    const most = this.#room()
    for (const [key, each] of Map.prototype.entries.call(value)) {
      if (copy.size >= most) {
        copy.set(new More('...'), new More(`${(value.size - most).toLocaleString('en')} more`))
        break
      }
      copy.set(
        this.#next(key, depth),
        typeof key === 'string' ? this.#field(key, each, depth) : this.#next(each, depth),
      )
    }
    return copy
  }

  #set(value: ReadonlySet<unknown>, depth: number): Set<unknown> {
    const copy = new Set<unknown>()
    this.#copies.set(value, copy)
    const most = this.#room()
    for (const each of Set.prototype.values.call(value)) {
      if (copy.size >= most) {
        copy.add(new More(`... ${(value.size - most).toLocaleString('en')} more`))
        break
      }
      copy.add(this.#next(each, depth))
    }
    return copy
  }

  #object(value: object, depth: number): object {
    const copy: object = Object.create(Object.getPrototypeOf(value))
    this.#copies.set(value, copy)
    const most = this.#room()
    const keys = Reflect.ownKeys(value)
    let shown = 0
    for (const [i, key] of keys.entries()) {
      if (shown >= most) {
        const left = new More(`${(keys.length - i).toLocaleString('en')} more`)
        Object.defineProperty(copy, '...', { value: left, enumerable: true })
        break
      }
      const found = Object.getOwnPropertyDescriptor(value, key)
      if (!found?.enumerable) continue
      if ('value' in found)
        Object.defineProperty(copy, key, { ...found, value: this.#field(String(key), found.value, depth) })
      else Object.defineProperty(copy, key, found)
      shown++
    }
    return copy
  }

  #field(name: string, value: unknown, depth: number): unknown {
    return typeof value === 'string' && isSecretField(name, value) ? REDACTED : this.#next(value, depth)
  }

  #next(value: unknown, depth: number): unknown {
    this.#left--
    return this.of(value, depth + 1)
  }

  #room(): number {
    return Math.max(0, Math.min(ENTRIES, this.#left))
  }
}
