import type { DataType } from 'apache-arrow'
import { brief } from './plain.ts'

/** Ids of Arrow's types: https://github.com/apache/arrow/blob/main/format/Schema.fbs (union Type), -1 for dictionaries. */
const TYPE = {
  int: 2,
  float: 3,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  struct: 13,
  interval: 11,
  map: 17,
  duration: 18,
  dictionary: -1,
} as const

/** A cell of a table. */
export interface Cell {
  readonly text: string
  readonly isNull: boolean
}

const CHARACTERS = 60
/** Entries of a list, and fields of a struct, in one cell. */
const ENTRIES = 6
const UNITS = ['s', 'ms', 'µs', 'ns'] as const

/** Whether values of a type are compared by their digits. */
export function isNumeric({ typeId }: DataType): boolean {
  return typeId === TYPE.int || typeId === TYPE.float || typeId === TYPE.decimal
}

/** Whether values of a type have digits behind a point. */
export function isFloat({ typeId }: DataType): boolean {
  return typeId === TYPE.float
}

/** A type as people write it: `int64`, `list<float32>`, `dictionary<utf8>`. */
export function typeText(type: DataType): string {
  const { typeId, children } = type as DataType & { readonly children?: readonly { readonly type: DataType }[] }
  if (typeId === TYPE.dictionary)
    return `dictionary<${typeText((type as unknown as { dictionary: DataType }).dictionary)}>`
  const size = (type as unknown as { readonly listSize?: number }).listSize
  if (size !== undefined && children?.[0]) return `list[${size}]<${typeText(children[0].type)}>`
  if (typeId === TYPE.decimal) {
    const { precision, scale } = type as unknown as { readonly precision: number; readonly scale: number }
    return `decimal(${precision}, ${scale})`
  }
  return brief(String(type).toLowerCase(), 40)
}

/** A value of a column as a text on one line. */
export function cellOf(value: unknown, type: DataType): Cell {
  if (value === null || value === undefined) return { text: 'null', isNull: true }
  return { text: brief(valueText(value, type), CHARACTERS), isNull: false }
}

function valueText(value: unknown, type: DataType | undefined): string {
  if (value === null || value === undefined) return 'null'
  const kind = type?.typeId as number | undefined
  if (kind === TYPE.dictionary) return valueText(value, (type as unknown as { dictionary: DataType }).dictionary)
  if (kind === TYPE.timestamp)
    return timeText(Number(value), (type as unknown as { timezone?: string | null }).timezone)
  if (kind === TYPE.date) return dateText(Number(value))
  if (kind === TYPE.time) return timeOfDay(Number(value), (type as unknown as { unit: number }).unit)
  if (kind === TYPE.duration) return `${value} ${UNITS[(type as unknown as { unit: number }).unit] ?? ''}`
  if (kind === TYPE.decimal) return decimalText(value, type as unknown as { scale: number; bitWidth: number })
  if (kind === TYPE.interval) return `interval ${[...(value as Int32Array)].join(' ')}`
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return value.slice(0, CHARACTERS + 1)
  if (value instanceof Uint8Array) return `${value.byteLength.toLocaleString('en')} bytes`
  const childType = (type as { children?: readonly { type: DataType }[] } | undefined)?.children
  if (kind === TYPE.map) {
    const [keyType, valueType] = (
      (childType?.[0]?.type as unknown as { children?: { type: DataType }[] })?.children ?? []
    ).map((child) => child.type)
    const entries = taken(value as Iterable<[unknown, unknown]>)
    return `{${entries.shown.map(([k, v]) => `${valueText(k, keyType)}: ${valueText(v, valueType)}`).join(', ')}${entries.more}}`
  }
  if (isVector(value)) {
    const shown = Array.from({ length: Math.min(value.length, ENTRIES) }, (_, i) =>
      valueText(value.get(i), childType?.[0]?.type),
    )
    return `[${shown.join(', ')}${value.length > ENTRIES ? `, … ${value.length.toLocaleString('en')}` : ''}]`
  }
  if (kind === TYPE.struct) {
    const fields = (type as { children?: readonly { name: string; type: DataType }[] } | undefined)?.children ?? []
    const entries = taken(Object.entries((value as { toJSON(): object }).toJSON() as Record<string, unknown>))
    const typeOf = (name: string) => fields.find((field) => field.name === name)?.type
    return `{${entries.shown.map(([name, each]) => `${name}: ${valueText(each, typeOf(name))}`).join(', ')}${entries.more}}`
  }
  return String(value)
}

/** A number as short as it can be told from its neighbours by eye. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return Math.abs(value) < 1e15 ? String(value) : value.toExponential(6)
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  return size >= 1e-4 && size < 1e9 ? String(Number(value.toPrecision(6))) : value.toExponential(4)
}

function taken<T>(values: Iterable<T>): { readonly shown: readonly T[]; readonly more: string } {
  const shown: T[] = []
  for (const value of values) {
    if (shown.length === ENTRIES) return { shown, more: ', …' }
    shown.push(value)
  }
  return { shown, more: '' }
}

function isVector(value: unknown): value is { readonly length: number; get(index: number): unknown } {
  return typeof value === 'object' && value !== null && 'get' in value && 'length' in value && 'type' in value
}

function timeText(ms: number, zone?: string | null): string {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return String(ms)
  const text = date
    .toISOString()
    .replace('T', ' ')
    .replace(/\.000Z$|Z$/, '')
  return zone ? `${text} UTC` : text
}

function dateText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString().slice(0, 10)
}

function timeOfDay(value: number, unit: number): string {
  const ms = value / 1_000 ** (unit - 1)
  return timeText(ms).slice(11)
}

/** Little-endian two's complement words with a scale: https://arrow.apache.org/docs/format/Columnar.html */
function decimalText(value: unknown, { scale, bitWidth }: { scale: number; bitWidth: number }): string {
  const words = value as ArrayLike<number>
  let whole = 0n
  for (let i = words.length - 1; i >= 0; i--) whole = (whole << 32n) | BigInt(words[i]! >>> 0)
  whole = BigInt.asIntN(bitWidth, whole)
  const digits = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, '0')
  const sign = whole < 0n ? '-' : ''
  return scale > 0 ? `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}` : `${sign}${digits}`
}
