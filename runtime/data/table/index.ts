/**
 * The one home of DuckDB. Imported on its own, where a table file is opened: the library is 70 MB. Each file is read by
 * an instance of its own that can open this file and nothing else ({@link ./sealed-file.ts}).
 */

export { queryTables, type TableQuery } from './query.ts'
export type { TableFormat } from './selection.ts'
export { type TableFileInit, tableFileLoader } from './table-file.ts'
