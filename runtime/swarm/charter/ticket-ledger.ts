import { dirname } from 'node:path'
import { z } from 'zod'
import { AividaError, limit, userError } from '../../base/index.ts'
import { type Disk, type DiskFile, systemDisk } from '../../log/index.ts'

/**
 * Which nodes have redeemed which tickets. Adapters: memory and a file; both are held to one conformance suite.
 * Each admitting node keeps its own, and counts what the roster shows of the others' besides.
 */
export interface TicketLedger {
  /** The nodes that redeemed the ticket with this nonce. */
  redeemedBy(nonce: string): ReadonlySet<string>
  /**
   * Counts a node once. {@link redeemedBy} shows it at once, so that two who knock together can't share a last use;
   * the promise resolves when it is durable, and only then may the membership leave this node.
   * Throws `ticket.ledger-full`, `ticket.ledger-broken`.
   */
  record(nonce: string, peer: string): Promise<void>
}

/** A ledger that forgets with its process. */
export class MemoryTicketLedger implements TicketLedger {
  readonly #peers = new Map<string, Set<string>>()
  #count = 0

  redeemedBy(nonce: string): ReadonlySet<string> {
    return this.#peers.get(nonce) ?? NOBODY
  }

  async record(nonce: string, peer: string): Promise<void> {
    this.count(nonce, peer)
  }

  /** Whether the pair is new. Throws `ticket.ledger-full`. */
  count(nonce: string, peer: string): boolean {
    const peers = this.#peers.get(nonce) ?? new Set()
    if (peers.has(peer)) return false
    if (this.#count >= limit('ticketRedemptions'))
      throw userError(
        'ticket.ledger-full',
        `this node has admitted ${this.#count} nodes by ticket, the most it counts; admit at another node`,
      )
    this.#peers.set(nonce, peers.add(peer))
    this.#count++
    return true
  }
}

const NOBODY: ReadonlySet<string> = new Set()

const lineSchema = z.object({ v: z.literal(1), ticket: z.string().max(64), peer: z.string().max(128) })

/** A ledger in a file of JSON lines, mode 0600, each line durable before its membership is handed out. */
export class FileTicketLedger implements TicketLedger {
  readonly #memory = new MemoryTicketLedger()
  readonly #file: DiskFile
  #sizeBytes: number
  #last: Promise<void> = Promise.resolve()

  private constructor(file: DiskFile, sizeBytes: number) {
    this.#file = file
    this.#sizeBytes = sizeBytes
  }

  /** Opens or creates the file; a line torn by a crash is cut off. Throws `ticket.ledger-damaged`. */
  static async open(path: string, disk: Disk = systemDisk): Promise<FileTicketLedger> {
    await disk.makeDir(dirname(path))
    const bytes = await disk.read(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    const file = await disk.open(path, bytes ? 'keep' : 'new')
    const text = Buffer.from(bytes ?? []).toString('utf8')
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const ledger = new FileTicketLedger(file, Buffer.byteLength(whole))
    try {
      ledger.#load(whole.split('\n').slice(0, -1), path)
      await file.truncate(ledger.#sizeBytes)
      if (!bytes) await disk.syncDir(dirname(path))
    } catch (error) {
      await file.close()
      throw error
    }
    return ledger
  }

  redeemedBy(nonce: string): ReadonlySet<string> {
    return this.#memory.redeemedBy(nonce)
  }

  record(nonce: string, peer: string): Promise<void> {
    try {
      if (!this.#memory.count(nonce, peer)) return this.#last
    } catch (error) {
      return Promise.reject(error)
    }
    const line = Buffer.from(`${JSON.stringify({ v: 1, ticket: nonce, peer })}\n`)
    this.#last = this.#last.then(() => this.#append(line))
    return this.#last
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {})
    await this.#file.close()
  }

  /** After one failure every later record fails as well: what the disk holds is unknown until the file is read anew. */
  async #append(line: Uint8Array): Promise<void> {
    try {
      await this.#file.write(line, this.#sizeBytes)
      await this.#file.sync()
      this.#sizeBytes += line.byteLength
    } catch (cause) {
      throw new AividaError({
        code: 'ticket.ledger-broken',
        category: 'platform',
        message: 'the use of a ticket could not be written down, so nobody was admitted; free the disk and restart',
        cause,
      })
    }
  }

  #load(lines: readonly string[], path: string): void {
    for (const [index, line] of lines.entries()) {
      const parsed = lineSchema.safeParse(parseJson(line))
      if (!parsed.success)
        throw userError(
          'ticket.ledger-damaged',
          `${path}: line ${index + 1} is no redemption; tickets could be used twice, so mend it or move the file away`,
        )
      this.#memory.count(parsed.data.ticket, parsed.data.peer)
    }
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
