import { link, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dispatcher } from 'undici'
import {
  aborted,
  type Clock,
  every,
  fromRecord,
  type Logger,
  limit,
  toAividaError,
  userError,
} from '../../base/index.ts'
import { fileContent } from '../../data/blob/content.ts'
import type { BlobStore, PutOptions, WrittenElsewhere } from '../../data/blob/index.ts'
import { dropSpool, openRemote, spool } from '../../data/remote/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import { checked, passing } from './arriving.ts'
import type { AddDataRequest, DataEntry, DataKeeper, PutDataRequest } from './data-entry.ts'
import { type DataSource, dataSource } from './data-source.ts'
import { type DataRecord, readShelf, writeShelf } from './shelf-file.ts'

/** Who pins data in the blob store: what its quota is counted by. */
export const DATA_OWNER = 'data'

/** What a {@link DataShelf} works on. */
export interface DataShelfInit {
  readonly blobs: BlobStore
  /** For its list, the names of its files and unfinished downloads; made when it is missing. */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
  /** The way out, made when something is first downloaded. */
  readonly egress: () => Promise<Dispatcher>
}

/** Data on its way, or that did not make it. */
interface Arrival {
  view: DataEntry
  /** Of its source; what is downloaded is kept under it. */
  readonly key: string
  readonly stop: AbortController
  done: Promise<void>
}

/** What bytes are read from. */
type From =
  | DataSource['from']
  | { readonly type: 'sent'; readonly pieces: AsyncIterable<Uint8Array> }
  | { readonly type: 'written'; readonly written: WrittenElsewhere }

interface Beginning {
  readonly name: string
  readonly key: string
  readonly source: string
  readonly keepMs: number | undefined
  readonly sizeBytes?: number | undefined
  /** One address is fetched once at a time. */
  readonly isRemote?: boolean
}

/**
 * Data that the operator brings to a node: files and downloads, each a blob, pinned until it is removed or its time is up.
 * Equal bytes are one blob. What breaks off goes on when the same is added again.
 */
export class DataShelf implements DataKeeper {
  readonly #init: DataShelfInit
  readonly #kept = new Map<string, DataRecord>()
  readonly #arrivals = new Map<string, Arrival>()
  #stopSweeping = () => {}

  private constructor(init: DataShelfInit) {
    this.#init = init
  }

  /** Takes up what an earlier run kept. Throws errors of the disk. */
  static async open(init: DataShelfInit): Promise<DataShelf> {
    const shelf = new DataShelf(init)
    await mkdir(join(init.folder, 'files'), { recursive: true, mode: 0o700 })
    for (const record of await readShelf(shelf.#file))
      if (init.blobs.has(record.blob)) shelf.#kept.set(record.name, record)
    await shelf.#sweep()
    shelf.#stopSweeping = every(
      init.clock,
      SWEEP_MS,
      () => void shelf.#sweep().catch((error) => shelf.#complain(error)),
    )
    return shelf
  }

  /**
   * Begins to bring data here, and answers at once; {@link list} tells how far it is. Throws `data.not-found`,
   * `data.name`, `data.name-taken`, `data.busy`, `data.full`, `remote.address`.
   */
  async add({ source, name: given, keepMs, sha256 }: AddDataRequest): Promise<DataEntry> {
    const { name, key, shown, sizeBytes, from } = await dataSource(source, given)
    const arrival = this.#begin({ name, key, source: shown, keepMs, sizeBytes, isRemote: from.type === 'address' })
    arrival.done = this.#bring(arrival, from, sha256)
    return arrival.view
  }

  /** Keeps what a client sends, see {@link DataKeeper.put}. */
  async put(
    { name, keepMs }: PutDataRequest,
    content: AsyncIterable<Uint8Array> | WrittenElsewhere,
    signal: AbortSignal,
  ): Promise<DataEntry> {
    const arrival = this.#begin({ name, key: `sent/${name}`, source: SENT, keepMs })
    const stop = () => arrival.stop.abort(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    arrival.done = this.#bring(
      arrival,
      typeof content === 'function' ? { type: 'written', written: content } : { type: 'sent', pieces: content },
    )
    await arrival.done
    signal.removeEventListener('abort', stop)
    const record = this.#kept.get(name)
    if (record && !this.#arrivals.has(name)) return this.#viewOf(record)
    this.#arrivals.delete(name) // whoever sent it hears of it here
    throw arrival.view.error ? fromRecord(arrival.view.error) : aborted(`${name} did not arrive`)
  }

  #begin({ name, key, source, keepMs, sizeBytes, isRemote = false }: Beginning): Arrival {
    const kept = this.#kept.get(name)
    if (kept && (kept.key ?? kept.source) !== key)
      throw userError(
        'data.name-taken',
        `${name} is what came from ${kept.source}; give another name by --name, or first: aivida data remove ${name}`,
      )
    const arriving = [...this.#arrivals.values()].filter(({ view }) => view.state === 'arriving')
    const same = arriving.find((other) => other.view.name === name || (isRemote && other.key === key))
    if (same) throw userError('data.busy', `${same.view.name} is arriving already; see: aivida data list`)
    if (arriving.length >= limit('dataArrivals') || this.#kept.size >= limit('dataKept'))
      throw userError('data.full', `${arriving.length} downloads are under way; add more when one has ended`)
    const addedWallMs = Math.floor(this.#init.clock.wallMs())
    const arrival: Arrival = {
      view: {
        name,
        source,
        state: 'arriving',
        receivedBytes: 0,
        addedWallMs,
        ...(sizeBytes !== undefined && { sizeBytes }),
        ...(keepMs !== undefined && { untilWallMs: addedWallMs + keepMs }),
      },
      key,
      stop: new AbortController(),
      done: Promise.resolve(),
    }
    this.#arrivals.set(name, arrival)
    return arrival
  }

  /** All that is kept, arriving, or has failed to arrive, by name. */
  async list(): Promise<DataEntry[]> {
    await this.#sweep()
    const kept = [...this.#kept.values()].map((record) => this.#viewOf(record))
    const views = new Map(
      [...kept, ...[...this.#arrivals.values()].map(({ view }) => view)].map((view) => [view.name, view]),
    )
    return [...views.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Lets data go, or calls its arrival off. Throws `data.unknown`. */
  async remove(name: string): Promise<void> {
    const arrival = this.#arrivals.get(name)
    const record = this.#kept.get(name)
    if (!arrival && !record) throw userError('data.unknown', `no data called ${name} here; see: aivida data list`)
    if (arrival) {
      arrival.stop.abort()
      await arrival.done
      this.#arrivals.delete(name)
      await dropSpool(this.#spoolFolder, arrival.key)
    }
    const came = this.#kept.get(name) // it may have come meanwhile
    if (came) await this.#drop([came])
  }

  /** Calls off what is arriving; it goes on when it is added again. */
  async stop(): Promise<void> {
    this.#stopSweeping()
    for (const { stop } of this.#arrivals.values()) stop.abort()
    await Promise.all([...this.#arrivals.values()].map(({ done }) => done))
  }

  get #file(): string {
    return join(this.#init.folder, 'shelf.json')
  }

  get #spoolFolder(): string {
    return join(this.#init.folder, 'arriving')
  }

  #pathOf(name: string): string {
    return join(this.#init.folder, 'files', name)
  }

  async #bring(arrival: Arrival, from: From, expected?: string): Promise<void> {
    const { signal } = arrival.stop
    const { key } = arrival
    const { name, source, addedWallMs, untilWallMs } = arrival.view
    try {
      const pin = { owner: DATA_OWNER, ...(untilWallMs !== undefined && { untilWallMs: this.#lastUse(untilWallMs) }) }
      const { blob, sizeBytes } = await this.#store(arrival, from, { signal, pin }, expected)
      const before = this.#kept.get(name)
      if (before && before.blob !== blob) await this.#drop([before])
      await this.#link(name, blob)
      this.#kept.set(name, {
        name,
        source,
        ...(key !== source && { key }),
        blob,
        sizeBytes,
        addedWallMs,
        ...(untilWallMs !== undefined && { untilWallMs }),
      })
      await this.#pinAnew(blob)
      await writeShelf(this.#file, [...this.#kept.values()])
      if (from.type === 'address') await dropSpool(this.#spoolFolder, key)
      this.#arrivals.delete(name)
    } catch (error) {
      const failure = toAividaError(error)
      if (failure.code === 'data.hash') await dropSpool(this.#spoolFolder, key)
      arrival.view = { ...arrival.view, state: 'failed', error: failure.toJSON() }
      if (!signal.aborted) this.#init.logger.warn({ name, source, code: failure.code }, 'data did not arrive')
    }
  }

  async #store(arrival: Arrival, from: From, options: PutOptions, expected?: string): Promise<BlobRef> {
    const { blobs } = this.#init
    if (from.type === 'written')
      return blobs.putWritten(
        (...file) => passing(from.written(...file), (bytes) => this.#progress(arrival, bytes)),
        options,
      )
    const pieces = await this.#piecesOf(arrival, from)
    return blobs.put(expected === undefined ? pieces : checked(pieces, expected, arrival.view.source), options)
  }

  /** What arrives, piece by piece, with its progress told. */
  async #piecesOf(
    arrival: Arrival,
    from: Exclude<From, { readonly type: 'written' }>,
  ): Promise<AsyncIterable<Uint8Array>> {
    if (from.type === 'address') return fileContent(await this.#download(arrival, from.url)) // it was told while it came
    return passing(from.type === 'file' ? fileContent(from.path) : from.pieces, ({ byteLength }) =>
      this.#progress(arrival, arrival.view.receivedBytes + byteLength),
    )
  }

  async #download(arrival: Arrival, url: string): Promise<string> {
    const { signal } = arrival.stop
    const { egress, clock } = this.#init
    const remote = await openRemote({ url, egress: await egress(), clock, signal })
    arrival.view = { ...arrival.view, sizeBytes: remote.sizeBytes }
    const named = { ...remote, name: arrival.key } // not where a redirection led
    return spool(named, { folder: this.#spoolFolder, signal, progress: (bytes) => this.#progress(arrival, bytes) })
  }

  #progress(arrival: Arrival, receivedBytes: number): void {
    arrival.view = { ...arrival.view, receivedBytes }
  }

  /** A name in the file system for a blob: with its ending, by which jobs tell its format. */
  async #link(name: string, blob: string): Promise<void> {
    const open = await this.#init.blobs.open(blob)
    try {
      await rm(this.#pathOf(name), { force: true })
      if (open.file) await link(open.file.path, this.#pathOf(name))
    } finally {
      await open.close()
    }
  }

  /** The pin of a blob ends with the last of the names that it has. */
  async #pinAnew(blob: string): Promise<void> {
    const names = [...this.#kept.values()].filter((record) => record.blob === blob)
    const { blobs } = this.#init
    if (names.length === 0) {
      await blobs.unpin(DATA_OWNER, blob)
      return blobs.discard(blob) // whoever lets data go wants the space; what a job has pinned stays
    }
    const ends = names.map(({ untilWallMs }) => untilWallMs ?? Number.POSITIVE_INFINITY)
    const last = Math.max(...ends)
    await blobs.pin([blob], { owner: DATA_OWNER, ...(Number.isFinite(last) && { untilWallMs: this.#lastUse(last) }) })
  }

  /** Pins outlive what they are for by one sweep, so that nothing is evicted under its name. */
  #lastUse(untilWallMs: number): number {
    return untilWallMs + 2 * SWEEP_MS
  }

  async #sweep(): Promise<void> {
    const now = this.#init.clock.wallMs()
    const over = [...this.#kept.values()].filter(({ untilWallMs = Number.POSITIVE_INFINITY }) => untilWallMs <= now)
    if (over.length > 0) await this.#drop(over)
  }

  async #drop(records: readonly DataRecord[]): Promise<void> {
    for (const { name } of records) this.#kept.delete(name)
    await writeShelf(this.#file, [...this.#kept.values()])
    for (const { name, blob } of records) {
      await rm(this.#pathOf(name), { force: true })
      await this.#pinAnew(blob)
    }
  }

  #viewOf({ key: _, ...record }: DataRecord): DataEntry {
    return { ...record, state: 'here', receivedBytes: record.sizeBytes, path: this.#pathOf(record.name) }
  }

  #complain(error: unknown): void {
    this.#init.logger.error({ error: String(error) }, 'data whose time is up could not be let go')
  }
}

/** Where data came from that a client had in memory. */
const SENT = 'a client'
/** How often data whose time is up are let go. */
const SWEEP_MS = 60_000
