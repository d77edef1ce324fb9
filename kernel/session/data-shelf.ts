import { resolve } from 'node:path'
import { systemClock } from '../../runtime/base/clock.ts'
import type { AddDataRequest, DataEntry } from '../../runtime/node/data-shelf/data-entry.ts'
import { currentCell } from '../cell.ts'
import { displayable } from '../display/displayable.ts'
import { arrived } from './data-arrival.ts'
import type { NodeLink } from './node-link.ts'
import type { Rows } from './rows-input.ts'

/** How data are kept. */
export interface AddDataOptions {
  /** What they are called. Default: as the file. */
  readonly name?: string
  /** How long. Default: 30 days. `Infinity`: until they are removed. Ms. */
  readonly keepMs?: number
  /** What the bytes must hash to. */
  readonly sha256?: string
}

const KEEP_MS = 30 * 86_400_000

/** Data that the node keeps, by their content, for jobs to read: files and downloads. */
export class ClusterData {
  readonly #link: NodeLink
  readonly #env: Readonly<Record<string, string | undefined>>

  constructor(link: NodeLink, env: Readonly<Record<string, string | undefined>>) {
    this.#link = link
    this.#env = env
  }

  /**
   * Brings a file here and keeps it: a path, an http(s) address, or `s3://BUCKET/KEY`, whose keys stay in this process. Resolves
   * when it is here; its `path` is what jobs can be given. An interrupt ends the waiting, and it goes on arriving. Throws
   * `data.*`, `remote.*`.
   */
  async add(source: string, { name, keepMs = KEEP_MS, sha256 }: AddDataOptions = {}): Promise<DataEntry> {
    const request: AddDataRequest = {
      source: await this.#address(source),
      ...(name !== undefined && { name }),
      ...(Number.isFinite(keepMs) && { keepMs }),
      ...(sha256 !== undefined && { sha256: sha256.toLowerCase() }),
    }
    return this.#link.ask(async (client) => arrived(client, await client.addData(request), currentCell()?.signal))
  }

  /**
   * Keeps rows that are in memory - an Arrow table, tensors or typed arrays by the names of columns - as an Arrow file. Resolves when they are here
   * and their hash is known; the same name again replaces them. An interrupt calls it off. Throws `input.*`, `data.*`, `disk.*`.
   */
  async put(name: string, rows: Rows, { keepMs = KEEP_MS }: Pick<AddDataOptions, 'keepMs'> = {}): Promise<DataEntry> {
    const { keptTable, tableOfRows } = await import('./sent-table.ts')
    const table = await tableOfRows(rows)
    const signal = currentCell()?.signal ?? new AbortController().signal
    return this.#link.ask((client) => keptTable(client, table, { name, keepMs, signal }))
  }

  /** All that is kept, arriving, or has failed to arrive, by name; shown as a table. */
  async list(): Promise<DataEntry[]> {
    const entries = await this.#link.ask((client) => client.data())
    return displayable(entries, async () =>
      (await import('../display/cards.ts')).dataCard(entries, systemClock.wallMs()),
    )
  }

  /** Lets data go, or calls their arrival off. Throws `data.unknown`. */
  remove(name: string): Promise<void> {
    return this.#link.ask((client) => client.removeData(name))
  }

  async #address(source: string): Promise<string> {
    if (/^https?:/i.test(source)) return source
    if (!/^s3:/i.test(source)) return resolve(source)
    const { LINK_S, signedLink } = await import('../../runtime/data/remote/signed-link.ts')
    return signedLink(source, { env: this.#env, nowWallMs: systemClock.wallMs(), validS: LINK_S })
  }
}
