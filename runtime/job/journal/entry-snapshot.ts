import { invariant } from '../../base/index.ts'

/**
 * Entries as one snapshot, in sections that a replay takes in different ways: of each section the number of its entries,
 * then each entry as it was journalled after its length (u32, little endian).
 */
export function snapshotOf(sections: readonly (readonly Uint8Array[])[]): Uint8Array {
  const entries = sections.flat()
  const lengths = U32 * (sections.length + entries.length)
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.byteLength, lengths))
  const view = new DataView(bytes.buffer)
  let at = 0
  const put = (value: number) => {
    view.setUint32(at, value, true)
    at += U32
  }
  for (const section of sections) {
    put(section.length)
    for (const entry of section) {
      put(entry.byteLength)
      bytes.set(entry, at)
      at += entry.byteLength
    }
  }
  return bytes
}

/** The sections of a snapshot, their entries as copies. */
export function sectionsOf(bytes: Uint8Array): Uint8Array[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sections: Uint8Array[][] = []
  let at = 0
  const take = () => {
    at += U32
    return view.getUint32(at - U32, true)
  }
  while (at < bytes.byteLength) {
    const section = Array.from({ length: take() }, () => {
      const entry = bytes.slice(at + U32, at + U32 + view.getUint32(at, true))
      at += U32 + entry.byteLength
      return entry
    })
    sections.push(section)
  }
  invariant(at === bytes.byteLength, 'a snapshot holds whole sections') // its checksum held
  return sections
}

const U32 = 4
