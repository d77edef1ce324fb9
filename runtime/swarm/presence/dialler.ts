import { AividaError, type Clock, deadline, type Logger, limit, toAividaError } from '../../base/index.ts'
import type { StreamOptions, Transport } from '../transport/transport.ts'
import { type AddressBook, peerOfAddress } from './address-book.ts'
import type { Greeter } from './greeter.ts'
import { headStartMs, type Seed, type SeedRecord } from './seed.ts'

/** What a {@link Dialler} is made from. */
export interface DiallerInit {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly book: AddressBook
  readonly greeter: Greeter
  readonly seeds: readonly Seed[]
  /** Why a peer that may be dialled now should be: a neighbour comes before one that is merely looked for. */
  readonly wants: (peer: string) => 'neighbour' | 'search' | undefined
  /** A member whose connection does not answer: its process may be another by now, which knows nothing of it. */
  readonly isSilent: (peer: string) => boolean
}

/** Dials of neighbours under way at once. */
const DIALS = 8
/** Dials under way to who is merely looked for: one that succeeds brings all the others. */
const SEARCHES = 2
/** A node without any link searches wider from tick to tick, up to this: most of whom it knows may have moved. */
const LONELY_SEARCHES = 64
/** Peers whose refusal is remembered. */
const REFUSED = 64
/** Seeds kept: those of the configuration, the charter and the last run. */
const SEEDS = 128

/** Who is called next: dials peers of the address book, says hello to them, and remembers who refused. */
export class Dialler {
  /** Why the last hello to a peer was refused. */
  readonly refused: ReadonlyMap<string, AividaError>
  readonly #init: DiallerInit
  readonly #refused = new Map<string, AividaError>()
  readonly #seeds = new Map<string, SeedRecord>()
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #dials = { neighbour: 0, search: 0 }
  readonly #startMs: number
  #search = 0

  constructor(init: DiallerInit) {
    this.#init = init
    this.refused = this.#refused
    this.#startMs = init.clock.monoMs()
    for (const seed of init.seeds) this.seed(seed)
  }

  /** Adds a seed; it is tried until its peer is here, and again when that is lost. */
  seed(seed: Seed): void {
    const peer = this.#stranger(seed.address)
    if (peer === undefined || this.#seeds.has(seed.address) || this.#seeds.size >= SEEDS) return
    this.#seeds.set(seed.address, seed)
    const notBeforeMs = this.#startMs + headStartMs(seed.source, this.#init.seeds)
    if (seed.source === 'cached') this.#init.book.hint(peer, seed.address)
    else this.#init.book.pin(peer, seed.address, notBeforeMs)
  }

  /** A way to reach a peer, found on the network: unproven until it is dialled. */
  found(address: string): void {
    const peer = this.#stranger(address)
    const startMs = this.#startMs + headStartMs('found', this.#init.seeds)
    if (peer !== undefined) this.#init.book.hint(peer, address, startMs > this.#init.clock.monoMs() ? startMs : 0)
  }

  /** Where this node begins, and what came of it. */
  seeds(): readonly SeedRecord[] {
    return [...this.#seeds.values()]
  }

  /** Connects to a peer and says hello. Throws `peer.unreachable`, and what the gate refuses with. */
  async join(peer: string, options: StreamOptions = {}): Promise<void> {
    const { transport, clock, book, greeter } = this.#init
    try {
      const fresh = this.#init.isSilent(peer)
      const connection = await transport.connect(book.addresses(peer), { ...options, fresh })
      if (!fresh || this.#init.isSilent(peer)) await greeter.greet(connection, options) // else it has answered meanwhile
      book.reached(peer)
      this.#refused.delete(peer)
      this.#record(peer, undefined)
    } catch (cause) {
      const error = options.signal?.aborted ? noAnswer(peer, book.addresses(peer), cause) : toAividaError(cause)
      book.failed(peer, clock.monoMs())
      this.#refused.set(peer, error)
      if (this.#refused.size > REFUSED) this.#refused.delete(this.#refused.keys().next().value as string)
      this.#record(peer, error)
      throw error
    }
  }

  /** Like {@link join}, for a call that needs the peer now: those that come together share one dial. */
  reach(peer: string): Promise<void> {
    const underWay = this.#underWay.get(peer)
    if (underWay) return underWay
    const joining = this.join(peer, { signal: deadline(this.#init.clock, limit('dialMs')) }).finally(() =>
      this.#underWay.delete(peer),
    )
    this.#underWay.set(peer, joining)
    return joining
  }

  /** Dials who is due and wanted, a few at once. */
  tick(isAlone: boolean): void {
    const { book, clock, greeter, wants, logger } = this.#init
    this.#search = isAlone ? Math.min(this.#search + DIALS, LONELY_SEARCHES) : SEARCHES
    const bounds = { neighbour: DIALS, search: this.#search }
    for (const peer of book.due(clock.monoMs())) {
      if (greeter.isGreeting(peer) || this.#underWay.has(peer)) continue
      const why = wants(peer)
      if (!why || this.#dials[why] >= bounds[why]) continue
      this.#dials[why]++
      this.reach(peer)
        .catch((error) => logger.debug({ peer, error: toAividaError(error).code }, 'a peer was not reached'))
        .finally(() => {
          this.#dials[why]--
        })
    }
  }

  #record(peer: string, error: AividaError | undefined): void {
    const nowWallMs = Math.floor(this.#init.clock.wallMs())
    for (const { lastError: _, ...seed } of this.#seeds.values()) {
      if (peerOfAddress(seed.address) !== peer) continue
      const outcome = error ? { lastError: { code: error.code, message: error.message } } : { reachedWallMs: nowWallMs }
      this.#seeds.set(seed.address, { ...seed, triedWallMs: nowWallMs, ...outcome })
    }
  }

  /** The peer of an address, unless that is this node, or none. */
  #stranger(address: string): string | undefined {
    const peer = peerOfAddress(address)
    return peer === this.#init.transport.peer ? undefined : peer
  }
}

/** A dial or hello that was given up. */
function noAnswer(peer: string, addresses: readonly string[], cause: unknown): AividaError {
  const at = addresses.length === 0 ? 'no known address' : addresses.join(', ')
  return new AividaError({
    code: 'peer.unreachable',
    category: 'peer',
    message: `${peer} did not answer in time at ${at}`,
    retryable: true,
    cause,
  })
}
