import { assertNever } from '../../base/index.ts'
import type { RowColumn } from '../rows/index.ts'

/** Where the files of a data set come from: a package that a package manager fetches, with its exact version. */
export interface DatasetPackage {
  readonly manager: 'npm' | 'apt'
  readonly name: string
  readonly version: string
  /** Where its files lie: below the package for npm (`data`), on the machine for apt (`/usr/share/...`). */
  readonly folder: string
}

/** A file of a data set. */
export interface DatasetFile {
  /** SHA-256 of the file as it lies there. */
  readonly sha256: string
  readonly sizeBytes: number
  readonly compression?: 'gzip'
}

/** What a column holds in one split: an IDX file, or characters `from` to `to` of a UTF-8 text by the column's symbols. */
export type ColumnOrigin =
  | { readonly format: 'idx'; readonly file: string }
  | { readonly format: 'characters'; readonly file: string; readonly from: number; readonly to: number }

/** A part of a data set that is used for one purpose. */
export interface DatasetSplit {
  readonly rows: number
  /** By column. */
  readonly columns: Readonly<Record<string, ColumnOrigin>>
}

/**
 * A data set as data: what it is, where it comes from, under which licence, how its bytes are known, and what its rows
 * are. `openDataset` makes a table of it.
 */
export interface DatasetManifest {
  readonly name: string
  readonly title: string
  /** Who made it, and where that is told. */
  readonly origin: string
  /** Of the data; the package that carries it may have another. */
  readonly licence: string
  readonly source: DatasetPackage
  /** By name, below the folder of the source. */
  readonly files: Readonly<Record<string, DatasetFile>>
  readonly columns: readonly RowColumn[]
  readonly splits: Readonly<Record<string, DatasetSplit>>
}

/** What a person types to get the package of a data set; `again` when it is there and damaged. */
export function fetchCommand({ manager, name, version }: DatasetPackage, again = false): string {
  switch (manager) {
    case 'npm': // npm leaves what it takes for installed as it is
      return `${again ? `npm uninstall ${name} && ` : ''}npm install ${name}@${version}`
    case 'apt':
      return `sudo apt-get install ${again ? '--reinstall ' : ''}${name}`
    default:
      return assertNever(manager)
  }
}
