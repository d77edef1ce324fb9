import { type Data, type DataType, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'

/** `makeData` for columns without nulls; its overloads can't follow a type that is known only at run time. */
export function data(type: DataType, length: number, buffers: object): Data {
  return makeData({ type, length, nullCount: 0, ...buffers } as never) as Data
}

/** Columns of equal length as a record batch. */
export function batch(schema: Schema, rows: number, columns: Data[]): RecordBatch {
  return new RecordBatch(schema, data(new Struct(schema.fields), rows, { children: columns }) as Data<Struct>)
}

/** Running sums: where each item begins, and where the last one ends. */
export function offsetsOf(sizes: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizes.length + 1)
  sizes.forEach((size, i) => {
    offsets[i + 1] = offsets[i]! + size
  })
  return offsets
}
