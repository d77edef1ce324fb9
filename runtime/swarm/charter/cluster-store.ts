import { join } from 'node:path'
import { z } from 'zod'
import { AividaError, type Codec, codec, limit } from '../../base/index.ts'
import { type Disk, replaceFile } from '../../log/disk.ts'
import { type Signed, signedSchema } from '../../protocol/signed.ts'
import { type Charter, openCharter } from './charter.ts'

const CHARTER_FILE = 'charter.cbor'
const ROSTER_FILE = 'roster.cbor'
const REQUESTS_FILE = 'requests.cbor'

const charterFileSchema = z.object({
  genesis: signedSchema,
  updates: z.array(signedSchema).max(limit('charterUpdates')),
})
const charterFileCodec: Codec<z.infer<typeof charterFileSchema>> = codec({
  name: 'charter-file',
  schema: charterFileSchema,
  maxBytes: limit('clusterFileBytes'),
})

const documentsSchema = z.array(signedSchema)

const rosterFileSchema = z.object({
  /** This node's own membership. */
  own: signedSchema,
  memberships: documentsSchema.max(limit('members')),
  leaves: documentsSchema.max(limit('members')),
})

/** The signed documents about members that a node keeps. */
export type RosterFile = z.infer<typeof rosterFileSchema>

const rosterFileCodec: Codec<RosterFile> = codec({
  name: 'roster-file',
  schema: rosterFileSchema,
  maxBytes: limit('clusterFileBytes'),
})

const requestsFileSchema = z.object({ requests: documentsSchema.max(limit('joinRequests')) })
const requestsFileCodec: Codec<z.infer<typeof requestsFileSchema>> = codec({
  name: 'requests-file',
  schema: requestsFileSchema,
  maxBytes: limit('clusterFileBytes'),
})

/**
 * What a node keeps of its cluster, in a folder: the charter and the documents about members, each file replaced at
 * once and durably, mode 0600. Writing throws `cluster.not-saved`. Nothing read back is taken for true before its signatures were checked again.
 */
export class ClusterStore {
  readonly #disk: Disk
  readonly #folder: string
  #last: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  /** The charter, or `undefined` when there is none yet. Throws `cluster.damaged`, `charter.*`, `signature.*`. */
  async loadCharter(): Promise<Charter | undefined> {
    const file = await this.#read(CHARTER_FILE, charterFileCodec)
    return file && openCharter(file.genesis, file.updates)
  }

  saveCharter({ genesis, updates }: { genesis: Signed; updates: readonly Signed[] }): Promise<void> {
    return this.#write(CHARTER_FILE, charterFileCodec.encode({ genesis, updates: [...updates] }))
  }

  /** The documents about members, or `undefined` when there are none yet. Throws `cluster.damaged`. */
  loadRoster(): Promise<RosterFile | undefined> {
    return this.#read(ROSTER_FILE, rosterFileCodec)
  }

  saveRoster(file: RosterFile): Promise<void> {
    return this.#write(ROSTER_FILE, rosterFileCodec.encode(file))
  }

  /** Requests that wait for an admin. Throws `cluster.damaged`. */
  async loadRequests(): Promise<Signed[]> {
    return (await this.#read(REQUESTS_FILE, requestsFileCodec))?.requests ?? []
  }

  saveRequests(requests: Signed[]): Promise<void> {
    return this.#write(REQUESTS_FILE, requestsFileCodec.encode({ requests }))
  }

  /** Forgets the cluster. */
  clear(): Promise<void> {
    return this.#serially(async () => {
      for (const name of [CHARTER_FILE, ROSTER_FILE, REQUESTS_FILE]) await this.#disk.remove(join(this.#folder, name))
    })
  }

  async #read<T>(name: string, codec: Codec<T>): Promise<T | undefined> {
    const path = join(this.#folder, name)
    let bytes: Uint8Array
    try {
      bytes = await this.#disk.read(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      return codec.decode(bytes)
    } catch (cause) {
      throw platformError(
        'cluster.damaged',
        `${path} cannot be read (${(cause as Error).message}); move it away and join the cluster again`,
        cause,
      )
    }
  }

  #write(name: string, bytes: Uint8Array): Promise<void> {
    return this.#serially(async () => {
      try {
        await this.#disk.makeDir(this.#folder)
        await replaceFile(this.#disk, this.#folder, name, [bytes])
      } catch (cause) {
        throw platformError(
          'cluster.not-saved',
          `${join(this.#folder, name)} could not be written (${(cause as Error).message}); free the disk and try again`,
          cause,
        )
      }
    })
  }

  /** One change of the folder at a time, in the order asked for. */
  #serially(change: () => Promise<void>): Promise<void> {
    const done = this.#last.then(change)
    this.#last = done.catch(() => {})
    return done
  }
}

function platformError(code: string, message: string, cause: unknown): AividaError {
  return new AividaError({ code, category: 'platform', message, cause })
}
