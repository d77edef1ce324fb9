import type { ComponentLogger, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { ConnectionGuard } from '../guard.ts'
import type { NativeConnection } from './binding.ts'

/** One QUIC connection as libp2p sees it: it carries streams and no bytes of its own. */
export class QuicConnection extends AbstractMultiaddrConnection {
  readonly native: NativeConnection
  readonly guard: ConnectionGuard
  /** Proven by the TLS handshake. */
  readonly remotePeer: PeerId

  constructor(
    native: NativeConnection,
    direction: 'inbound' | 'outbound',
    guard: ConnectionGuard,
    logger: ComponentLogger,
  ) {
    const remoteAddr = multiaddr(native.remoteMultiaddr())
    super({ remoteAddr, direction, log: logger.forComponent('libp2p:quic:connection') })
    this.native = native
    this.guard = guard
    this.remotePeer = peerIdFromString(remoteAddr.getComponents().at(-1)?.value ?? '')
    const onClosed = () => this.onTransportClosed()
    native.closed().then(onClosed, onClosed)
  }

  override sendData(): never {
    throw new Error('a QUIC connection sends on streams only')
  }

  override sendReset(): void {
    this.native.abort()
  }

  override async sendClose(): Promise<void> {
    this.native.abort()
  }

  override sendPause(): void {}

  override sendResume(): void {}
}
