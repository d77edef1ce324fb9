import { createRequire } from 'node:module'

/**
 * The classes of the native QUIC binding (quinn with libp2p's TLS, by way of `@chainsafe/libp2p-quic-<platform>`) as
 * far as they are used here. Every failure rejects with a plain `Error` whose text is quinn's.
 */
export interface QuicBinding {
  readonly QuinnConfig: new (options: object) => NativeConfig
  readonly Client: new (config: NativeConfig, family: 0 | 1) => NativeClient
  readonly Server: new (config: NativeConfig, ip: string, port: number) => NativeServer
}

/** Opaque. */
export type NativeConfig = object

/** A socket to dial from: family 0 is IPv4, 1 is IPv6. */
export interface NativeClient {
  outboundConnection(ip: string, port: number): Promise<NativeConnection>
  abort(): void
}

/** A listening socket. */
export interface NativeServer {
  port(): number
  /** Takes one connection and awaits its whole handshake. */
  inboundConnection(): Promise<NativeConnection>
  abort(): Promise<void>
}

/** A connection whose peer is proven. */
export interface NativeConnection {
  /** `/ip4/.../udp/.../quic-v1/p2p/<peer>` */
  remoteMultiaddr(): string
  inboundStream(): Promise<NativeStream>
  outboundStream(): Promise<NativeStream>
  closed(): Promise<void>
  abort(): void
}

/** A stream; its calls may overlap, each side keeps their order. */
export interface NativeStream {
  id(): string
  /** Up to `maxBytes`, in a buffer of exactly what came; `null` at the end. Allocates `maxBytes` first. */
  read(maxBytes: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  resetWrite(): Promise<void>
  stopRead(): Promise<void>
}

/** Where the platform packages may lie: our own dependency (the newest), else what the wrapper package brought. */
export type BindingSource = 'own' | 'wrapper'

/** Loads the native binding of this platform, or tells why there is none. */
export function loadQuicBinding(
  sources: readonly BindingSource[] = ['own', 'wrapper'],
): { binding: QuicBinding } | { reason: string } {
  let reason = `no QUIC binding exists for ${process.platform}-${process.arch}`
  for (const source of sources) {
    for (const name of platformPackages()) {
      try {
        const from = source === 'own' ? import.meta.url : import.meta.resolve('@chainsafe/libp2p-quic')
        return { binding: createRequire(from)(name) as QuicBinding }
      } catch (error) {
        reason = (error as Error).message.split('\n')[0] ?? reason
      }
    }
  }
  return { reason }
}

function platformPackages(): string[] {
  const stem = `@chainsafe/libp2p-quic-${process.platform}-${process.arch}`
  if (process.platform === 'linux') return [`${stem}-gnu`, `${stem}-musl`] // npm installs only the fitting one
  return process.platform === 'win32' ? [`${stem}-msvc`] : [stem]
}
