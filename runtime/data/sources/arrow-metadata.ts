/** What is counted in a FlatBuffers table, by the slots of its fields: vectors (of tables, or of plain entries), tables. */
interface Shape {
  readonly vectors?: Readonly<Record<number, Shape | null>>
  readonly tables?: Readonly<Record<number, Shape>>
}

// Slots as in https://github.com/apache/arrow/tree/main/format
const FIELD: { vectors: Record<number, Shape | null> } = { vectors: { 6: null } } // custom metadata
FIELD.vectors[5] = FIELD // children
const SCHEMA: Shape = { vectors: { 1: FIELD, 2: null } }
const RECORD_BATCH: Shape = { vectors: { 1: null, 2: null, 4: null } } // nodes, buffers, variadic counts
const DICTIONARY_BATCH: Shape = { tables: { 1: RECORD_BATCH } }
const FOOTER: Shape = { tables: { 1: SCHEMA }, vectors: { 2: null, 3: null } } // dictionaries, record batches

/** Headers of a message by the number in its slot 1. */
const HEADERS: Readonly<Record<number, Shape>> = { 1: SCHEMA, 2: DICTIONARY_BATCH, 3: RECORD_BATCH }

/**
 * Refuses metadata of an Arrow message whose vectors claim more entries than its bytes can hold: one damaged byte would
 * have apache-arrow count to two billion. Throws RangeError.
 */
export function checkMessage(metadata: Uint8Array): void {
  const view = viewOf(metadata)
  const root = view.getUint32(0, true)
  const kind = slot(view, root, 1)
  const header = kind === undefined ? undefined : HEADERS[view.getUint8(kind)]
  if (header) check(view, root, { tables: { 2: header }, vectors: { 4: null } })
}

/** {@link checkMessage} for the footer of a file. Throws RangeError. */
export function checkFooter(footer: Uint8Array): void {
  const view = viewOf(footer)
  check(view, view.getUint32(0, true), FOOTER)
}

function check(view: DataView, root: number, shape: Shape): void {
  let budget = view.byteLength / 4 // the smallest entry is an offset
  const spend = (entries: number) => {
    budget -= entries
    if (budget < 0) throw new RangeError(`more entries than fit in ${view.byteLength} bytes of metadata`)
  }
  const visit = (table: number, { vectors = {}, tables = {} }: Shape) => {
    spend(1)
    for (const [number, inner] of Object.entries(tables)) {
      const at = slot(view, table, Number(number))
      if (at !== undefined) visit(at + view.getUint32(at, true), inner)
    }
    for (const [number, inner] of Object.entries(vectors)) {
      const at = slot(view, table, Number(number))
      if (at === undefined) continue
      const vector = at + view.getUint32(at, true)
      const length = view.getUint32(vector, true)
      spend(length)
      if (inner)
        for (let i = 0, item = vector + 4; i < length; i++, item += 4) visit(item + view.getUint32(item, true), inner)
    }
  }
  visit(root, shape)
}

/** Where a field of a table lies; `undefined` when it is absent (https://flatbuffers.dev/internals/#tables). */
function slot(view: DataView, table: number, number: number): number | undefined {
  const vtable = table - view.getInt32(table, true)
  const entry = 4 + 2 * number
  const offset = entry < view.getUint16(vtable, true) ? view.getUint16(vtable + entry, true) : 0
  return offset === 0 ? undefined : table + offset
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
