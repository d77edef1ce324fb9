import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { QUIC_V1, TCP } from '@multiformats/multiaddr-matcher'
import { type Clock, isAividaError, limit, sleep } from '../../../base/index.ts'
import { mismatch, unreachable } from '../failures.ts'

/** The carriers of this adapter. */
export type LibP2PCarrier = 'quic' | 'tcp'

/** Which carrier an address is for, if any of ours. */
export function carrierOf(address: Multiaddr): LibP2PCarrier | undefined {
  if (QUIC_V1.exactMatch(address)) return 'quic'
  return TCP.exactMatch(address) ? 'tcp' : undefined
}

/** The peer an address names, if any. */
export function peerIn(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((part) => part.name === 'p2p')?.value
}

/** The well-formed addresses among those of a peer, the first {@link LIMITS.dialAddresses} of them. */
export function parseAddresses(addresses: readonly string[]): Multiaddr[] {
  const parsed: Multiaddr[] = []
  for (const address of addresses) {
    if (parsed.length === limit('dialAddresses')) break
    try {
      parsed.push(multiaddr(address))
    } catch {
      // one that a newer version may understand
    }
  }
  return parsed
}

/** How {@link dialFirst} dials. */
export interface DialOptions {
  /** In order of preference. */
  readonly carriers: readonly LibP2PCarrier[]
  readonly clock: Clock
  readonly signal: AbortSignal
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>
}

/**
 * Dials all addresses of the preferred carrier at once; those of the next follow when it failed or is late, as
 * "happy eyeballs" do (RFC 8305). The first connection wins, the others are given up.
 * Throws `peer.mismatch`, `peer.unreachable`.
 */
export async function dialFirst(addresses: readonly Multiaddr[], options: DialOptions): Promise<Connection> {
  const failures: Failure[] = []
  const racing: Promise<Dialled>[] = []
  const giveUps: AbortController[] = []
  const dial = async (address: Multiaddr): Promise<Dialled> => {
    const giveUp = new AbortController() // one each: a TCP socket stays tied to the signal it was dialled with
    giveUps.push(giveUp)
    try {
      return { giveUp, connection: await options.dial(address, AbortSignal.any([options.signal, giveUp.signal])) }
    } catch (error) {
      failures.push({ address, error: error as Error })
      throw error
    }
  }
  const groups = options.carriers
    .map((carrier) => addresses.filter((address) => carrierOf(address) === carrier))
    .filter((group) => group.length > 0)
  let winner: Dialled | undefined
  for (const group of groups) {
    racing.push(...group.map(dial))
    const first = Promise.any(racing).catch(() => undefined)
    const late = sleep(options.clock, HEAD_START_MS, options.signal).catch(() => undefined)
    winner = (await (group === groups.at(-1) ? first : Promise.race([first, late]))) ?? undefined
    if (winner) break
  }
  for (const giveUp of giveUps) if (giveUp !== winner?.giveUp) giveUp.abort()
  const close = async (late: Dialled) => (late === winner ? undefined : late.connection.close())
  for (const attempt of racing) attempt.then(close).catch(() => {})
  if (!winner) throw failureOf(failures)
  return winner.connection
}

interface Dialled {
  readonly connection: Connection
  readonly giveUp: AbortController
}

interface Failure {
  readonly address: Multiaddr
  readonly error: Error
}

function failureOf(failures: readonly Failure[]): Error {
  for (const { address, error } of failures) {
    if (isAividaError(error, 'peer.mismatch')) return error
    // libp2p keeps only the text of what noise says
    if (/does not match expected remote identity/.test(error.message))
      return mismatch(peerIn(address) ?? 'another peer')
  }
  return unreachable(failures.map(({ address, error }) => ({ address: address.toString(), reason: error.message })))
}

/** A QUIC handshake takes two round trips; after this one is probably filtered on the way. */
const HEAD_START_MS = 1_000
