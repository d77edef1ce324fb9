import { AividaError, peerError, userError } from '../../base/index.ts'

/** The peer ended the stream at once; what was unread is gone. */
export function streamReset(): AividaError {
  return peerError('stream.reset', 'the peer reset the stream')
}

/** The connection under the stream is gone; a new one may be dialled. */
export function streamLost(): AividaError {
  const message = 'the connection to the peer was lost'
  return new AividaError({ code: 'stream.lost', category: 'peer', message, retryable: true })
}

/** A write after the writing side was closed. */
export function streamEnded(): AividaError {
  return userError('stream.ended', 'expected no write after closeWrite(); open another stream')
}

/** A stream asked of a peer that no connection leads to. */
export function notConnected(peer: string): AividaError {
  const message = `there is no connection to ${peer}; connect first`
  return new AividaError({ code: 'peer.not-connected', category: 'peer', message, retryable: true })
}

/** The peer doesn't serve this protocol, or not to us. */
export function noProtocol(peer: string, protocol: string): AividaError {
  return peerError('peer.no-protocol', `${peer} does not serve ${protocol}`, { protocol })
}

/** More streams than this connection may have. */
export function peerBusy(peer: string): AividaError {
  const message = `there are too many open streams to ${peer}; end some first`
  return new AividaError({ code: 'peer.busy', category: 'peer', message, retryable: true })
}

/** A peer that opens streams faster than {@link LIMITS.streamsPerSecond}. */
export function hasty(peer: string): AividaError {
  return peerError('peer.hasty', `${peer} opens streams faster than it may; it is made to wait`)
}

/** Somebody else than `expected` proved to be at the address. */
export function mismatch(expected: string, found?: string): AividaError {
  return peerError(
    'peer.mismatch',
    `expected ${expected} at this address, but ${found ?? 'another key'} answered; ask the peer for its present address`,
    found === undefined ? { expected } : { expected, found },
  )
}

/** Our own gate admits no connection with this peer. */
export function refused(peer: string): AividaError {
  return peerError('peer.refused', `this node's gate refuses connections with ${peer}`)
}

/** No address led to the peer. `attempts` pairs each address with what went wrong there. */
export function unreachable(attempts: readonly { address: string; reason: string }[]): AividaError {
  const tried = attempts.map(({ address, reason }) => `${address}: ${reason}`).join('; ')
  return new AividaError({
    code: 'peer.unreachable',
    category: 'peer',
    message: tried ? `no address answered (${tried})` : 'expected an address that this node can dial, found none',
    retryable: true,
    facts: { attempts },
  })
}
