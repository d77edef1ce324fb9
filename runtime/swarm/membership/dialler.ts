import { type AividaError, type Clock, deadline, type Logger, limit, toAividaError } from '../../base/index.ts'
import type { StreamOptions, Transport } from '../transport/transport.ts'
import { type AddressBook, peerOfAddress } from './address-book.ts'
import type { Greeter } from './greeter.ts'

/** What a {@link Dialler} is made from. */
export interface DiallerInit {
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly book: AddressBook
  readonly greeter: Greeter
  /** Whether a peer that may be dialled now should be. */
  readonly wants: (peer: string) => boolean
}

/** Dials under way at once. */
const DIALS = 8
/** Peers whose refusal is remembered. */
const REFUSED = 64

/** Who is called next: dials peers of the address book, says hello to them, and remembers who refused. */
export class Dialler {
  /** Why the last hello to a peer was refused. */
  readonly refused: ReadonlyMap<string, AividaError>
  readonly #init: DiallerInit
  readonly #refused = new Map<string, AividaError>()
  #dials = 0

  constructor(init: DiallerInit) {
    this.#init = init
    this.refused = this.#refused
  }

  /** A way to reach a peer, learnt from a seed list, mDNS or another member. */
  note(address: string, seed: boolean): void {
    const { book, transport } = this.#init
    const peer = peerOfAddress(address)
    if (peer !== undefined && peer !== transport.peer)
      book.note(peer, [...new Set([...book.addresses(peer), address])].slice(-16), seed)
  }

  /** Connects to a peer and says hello. Throws `peer.unreachable`, and what the gate refuses with. */
  async join(peer: string, options: StreamOptions = {}): Promise<void> {
    const { transport, clock, book, greeter } = this.#init
    try {
      await greeter.greet(await transport.connect(book.addresses(peer), options), options)
      book.reached(peer)
      this.#refused.delete(peer)
    } catch (error) {
      book.failed(peer, clock.monoMs())
      this.#refused.set(peer, toAividaError(error))
      if (this.#refused.size > REFUSED) this.#refused.delete(this.#refused.keys().next().value as string)
      throw error
    }
  }

  /** Dials who is due and wanted, a few at once. */
  tick(): void {
    const { book, clock, greeter, wants, logger } = this.#init
    for (const peer of book.due(clock.monoMs())) {
      if (this.#dials >= DIALS) return
      if (greeter.isGreeting(peer) || !wants(peer)) continue
      this.#dials++
      this.join(peer, { signal: deadline(clock, limit('dialMs')) })
        .catch((error) => logger.debug({ peer, error: toAividaError(error).code }, 'a peer was not reached'))
        .finally(() => {
          this.#dials--
        })
    }
  }
}
