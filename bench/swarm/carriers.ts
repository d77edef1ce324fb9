import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { silentLogger } from '../../runtime/base/index.ts'
import { libp2pTransport } from '../../runtime/swarm/transport/libp2p/index.ts'
import { loadQuicBinding, type NativeStream } from '../../runtime/swarm/transport/libp2p/quic/binding.ts'
import { nativeOptions } from '../../runtime/swarm/transport/libp2p/quic/transport.ts'
import { type Channel, channel, request } from '../../runtime/swarm/wire/index.ts'
import type { Payload } from './payload.ts'

/** What carries the payload: our transport and channel over QUIC or TCP, the native binding bare, its stock layer. */
export const CARRIERS = ['quic', 'tcp', 'native', 'stock'] as const
/** See {@link CARRIERS}. */
export type CarrierName = (typeof CARRIERS)[number]

/** The receiving end; bulk is written to `into`, or counted where the carrier has no place for it. */
export interface ReceiverInit {
  /** Where a transfer of this many bytes goes. */
  readonly into: (sizeBytes: number) => Uint8Array
  /** All of it is there; what this takes is part of the transfer. */
  readonly arrived: (bytes: Uint8Array) => void
}

/** The sending end. */
export interface Sender {
  /** Resolves when the receiver has said that it has all of it. */
  transfer(payload: Payload): Promise<void>
  /** One 64-byte message there and back, on a stream of its own; absent where it is not measured. */
  readonly roundTrip?: () => Promise<void>
  stop(): Promise<void>
}

const SEEDS = { receiver: new Uint8Array(32).fill(1), sender: new Uint8Array(32).fill(2) }
const [BULK, ECHO] = ['/bench/bulk/1', '/bench/echo/1']
const READ_BYTES = 256 * 1024

/** Starts the receiving end; resolves with its address. */
export function startReceiver(carrier: CarrierName, init: ReceiverInit): Promise<string> {
  if (carrier === 'native') return receiveBare()
  return carrier === 'stock' ? receiveStock() : receiveOurs(carrier, init)
}

/** Connects the sending end. */
export function startSender(carrier: CarrierName, address: string): Promise<Sender> {
  if (carrier === 'native') return sendBare(Number(address))
  return carrier === 'stock' ? sendStock(address) : sendOurs(carrier, address)
}

function ours(carrier: 'quic' | 'tcp', end: keyof typeof SEEDS) {
  const listen = carrier === 'quic' ? '/ip4/127.0.0.1/udp/0/quic-v1' : '/ip4/127.0.0.1/tcp/0'
  const seed = SEEDS[end]
  return libp2pTransport({
    seed,
    carriers: [carrier],
    listen: end === 'receiver' ? [listen] : [],
    logger: silentLogger,
  })
}

async function receiveOurs(carrier: 'quic' | 'tcp', { into, arrived }: ReceiverInit): Promise<string> {
  const transport = await ours(carrier, 'receiver')
  transport.handle(ECHO, async (stream) => {
    const echo = channel(stream)
    for (let frame = await echo.receive(); frame; frame = await echo.receive()) await echo.send(frame.header)
    await echo.end()
  })
  transport.handle(BULK, async (stream) => {
    let target: Uint8Array | undefined
    let received = 0
    const bulk = channel(stream, {
      bodyInto: (header, bodyBytes) => {
        target ??= into(numberIn(header))
        return target.subarray(received, received + bodyBytes)
      },
    })
    for (let frame = await bulk.receive(); frame; frame = await bulk.receive()) {
      received += frame.body.byteLength
      if (received !== target?.byteLength) continue
      arrived(target)
      await bulk.send(numberOf(received))
    }
    await bulk.end()
  })
  await transport.start()
  return transport.addresses()[0]!
}

async function sendOurs(carrier: 'quic' | 'tcp', address: string): Promise<Sender> {
  const transport = await ours(carrier, 'sender')
  await transport.start()
  const { peer } = await transport.connect([address])
  let echo: Channel | undefined
  const message = new Uint8Array(64).fill(7)
  return {
    async transfer({ frames, sizeBytes }) {
      const bulk = channel(await transport.open(peer, BULK))
      const header = numberOf(sizeBytes)
      for (const frame of frames) await bulk.send(header, [frame])
      await bulk.receive()
      await bulk.end()
      await bulk.receive()
    },
    async roundTrip() {
      echo ??= channel(await transport.open(peer, ECHO))
      await request(echo, message)
    },
    stop: () => transport.stop(),
  }
}

async function native(end: keyof typeof SEEDS) {
  const found = loadQuicBinding()
  if ('reason' in found) throw new Error(found.reason)
  const key = await generateKeyPairFromSeed('Ed25519', SEEDS[end])
  return { binding: found.binding, config: new found.binding.QuinnConfig(nativeOptions(key)) }
}

/** Reads and drops, as fast as the binding gives: what a layer above it is measured against. */
async function receiveBare(): Promise<string> {
  const { binding, config } = await native('receiver')
  const server = new binding.Server(config, '127.0.0.1', 0)
  const serve = async (stream: NativeStream) => {
    const first = (await stream.read(8)) ?? new Uint8Array()
    const sizeBytes = numberIn(first)
    for (let received = 0; received < sizeBytes; ) received += (await stream.read(READ_BYTES))?.byteLength ?? sizeBytes
    await stream.write(numberOf(sizeBytes))
    await stream.finishWrite()
  }
  const accept = async () => {
    const connection = await server.inboundConnection()
    for (;;) void serve(await connection.inboundStream())
  }
  accept().catch(() => {}) // the sender has gone
  return String(server.port())
}

async function sendBare(port: number): Promise<Sender> {
  const { binding, config } = await native('sender')
  const connection = await new binding.Client(config, 0).outboundConnection('127.0.0.1', port)
  return {
    async transfer({ frames, sizeBytes }) {
      const stream = await connection.outboundStream()
      await stream.write(numberOf(sizeBytes))
      for (const frame of frames) await stream.write(frame)
      await stream.read(8)
      await stream.finishWrite()
    },
    async stop() {
      connection.abort()
    },
  }
}

async function stock(end: keyof typeof SEEDS) {
  const { quic } = await import('@chainsafe/libp2p-quic')
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', SEEDS[end]),
    addresses: { listen: end === 'receiver' ? ['/ip4/127.0.0.1/udp/0/quic-v1'] : [] },
    transports: [quic({ shutdownTimeout: 3_000 } as object)],
    connectionEncrypters: [noise()],
    services: { identify: identify() },
  })
}

async function receiveStock(): Promise<string> {
  const node = await stock('receiver')
  await node.handle(BULK, (stream: Stream) => {
    let received = -8
    let sizeBytes = Number.POSITIVE_INFINITY
    stream.addEventListener('message', ({ data }) => {
      if (received < 0) sizeBytes = numberIn(data.subarray(0, 8))
      received += data.byteLength
      if (received >= sizeBytes) stream.send(numberOf(received))
    })
  })
  return node.getMultiaddrs()[0]!.toString()
}

async function sendStock(address: string): Promise<Sender> {
  const node = await stock('sender')
  const connection = await node.dial(multiaddr(address))
  return {
    async transfer({ frames, sizeBytes }) {
      const stream = await connection.newStream(BULK)
      const done = new Promise<void>((resolve, reject) => {
        stream.addEventListener('message', () => resolve(), { once: true })
        stream.addEventListener('close', () => reject(new Error('the stock stream closed')), { once: true })
      })
      done.catch(() => {})
      for (const piece of [numberOf(sizeBytes), ...frames])
        if (!stream.send(piece)) await Promise.race([drained(stream), done])
      await done
      await stream.close()
    },
    stop: async () => node.stop(),
  }
}

function drained(stream: Stream): Promise<void> {
  return new Promise((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))
}

function numberOf(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}

function numberIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0)
}
