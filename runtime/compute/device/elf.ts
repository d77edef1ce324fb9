import { closeSync, openSync, readSync } from 'node:fs'

/** What a shared library of Linux says of itself. */
export interface SharedLibrary {
  /** Names of the libraries without which it does not load. */
  readonly needed: readonly string[]
  /** Which build it is, in hex: two builds of one version differ in it. `undefined` where the linker noted none. */
  readonly buildId: string | undefined
}

/** Largest table or note that is read: names of all that a large library exports have some megabytes. */
const MOST_BYTES = 16 << 20

/**
 * Reads the dynamic section and the notes of a 64-bit little-endian ELF file (System V ABI, chapters 4 and 5), and no more
 * of it: these libraries have hundreds of megabytes. `undefined` for anything else.
 */
export function readSharedLibrary(path: string): SharedLibrary | undefined {
  const file = openSync(path, 'r')
  try {
    const at = (offset: number, size: number): DataView => {
      if (size > MOST_BYTES) throw new RangeError(`a table of ${size} bytes`)
      const bytes = new Uint8Array(size)
      if (readSync(file, bytes, 0, size, offset) < size) throw new RangeError('cut short')
      return new DataView(bytes.buffer)
    }
    const header = at(0, 64)
    // 0x7f E L F, 64 bits, little-endian
    if (header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201) return undefined
    const [size, count] = [header.getUint16(54, true), header.getUint16(56, true)]
    const table = at(number(header, 32), size * count)
    const segments = Array.from({ length: count }, (_, i) => segmentAt(table, i * size))
    return { needed: neededOf(segments, at), buildId: buildIdOf(segments, at) }
  } catch (error) {
    if (error instanceof RangeError) return undefined // cut short, or no such thing
    throw error
  } finally {
    closeSync(file)
  }
}

type Read = (offset: number, size: number) => DataView

interface Segment {
  readonly type: number
  readonly offset: number
  readonly address: number
  readonly size: number
}

const [LOAD, DYNAMIC, NOTE] = [1, 2, 4]
const [END, NEEDED, STRINGS, STRINGS_SIZE] = [0, 1, 5, 10]
const BUILD_ID = 3

function segmentAt(table: DataView, at: number): Segment {
  const [offset, address, size] = [8, 16, 32].map((field) => number(table, at + field)) as [number, number, number]
  return { type: table.getUint32(at, true), offset, address, size }
}

function neededOf(segments: readonly Segment[], at: Read): string[] {
  const dynamic = segments.find(({ type }) => type === DYNAMIC)
  if (!dynamic) return []
  const entries = at(dynamic.offset, dynamic.size)
  const names: number[] = []
  let [strings, stringsSize] = [0, 0]
  for (let entry = 0; entry + 16 <= entries.byteLength; entry += 16) {
    const [tag, value] = [number(entries, entry), number(entries, entry + 8)]
    if (tag === END) break
    if (tag === NEEDED) names.push(value)
    if (tag === STRINGS) strings = value
    if (tag === STRINGS_SIZE) stringsSize = value
  }
  const holder = segments.find(
    ({ type, address, size }) => type === LOAD && address <= strings && strings < address + size,
  )
  if (!holder) return []
  const text = at(strings - holder.address + holder.offset, stringsSize)
  const bytes = Buffer.from(text.buffer, 0, text.byteLength)
  return names.map((name) => bytes.toString('latin1', name, bytes.indexOf(0, name)))
}

/** A note: sizes of its name and of what it holds, its kind, then both, each padded to 4 bytes. */
function buildIdOf(segments: readonly Segment[], at: Read): string | undefined {
  for (const { type, offset, size } of segments) {
    if (type !== NOTE) continue
    const notes = at(offset, size)
    for (let note = 0; note + 12 <= notes.byteLength; ) {
      const [nameSize, idSize, kind] = [0, 4, 8].map((field) => notes.getUint32(note + field, true)) as [
        number,
        number,
        number,
      ]
      const id = note + 12 + padded(nameSize)
      if (kind === BUILD_ID && nameSize === 4) return Buffer.from(notes.buffer, id, idSize).toString('hex')
      note = id + padded(idSize)
    }
  }
  return undefined
}

function padded(size: number): number {
  return Math.ceil(size / 4) * 4
}

function number(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true))
}
