/**
 * Rows in any order, for training: {@link RowTable} is what a batch is gathered from, {@link epochOrder} which rows come
 * when. Tables are made of tensors ({@link memoryTable}), of a sequence ({@link windowsOf}), of a file or a blob.
 */
export { alphabetOf, decodeText, encodeText } from './alphabet.ts'
export { epochOrder, placesOf } from './epoch-order.ts'
export { type MemoryTableInit, memoryTable } from './memory-table.ts'
export { type Permutation, type PermutationInit, permutation } from './permutation.ts'
export { encodeRows, interleaved, isRowFile, rowFileHeader } from './row-file.ts'
export { columnBytes, type RowColumn, type RowTable, roomFor } from './row-table.ts'
export { type StoredTableInit, storedTable } from './stored-table.ts'
export { type WindowsInit, windowsOf } from './windows.ts'
