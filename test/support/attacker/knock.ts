import { randomBytes } from 'node:crypto'
import { silentLogger, systemClock, toAividaError } from '../../../runtime/base/index.ts'
import { loadKeys, openCluster } from '../../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../../runtime/node/data-folder.ts'
import {
  type ControlMessage,
  controlMessageCodec,
  type Device,
  type Hello,
  type HelloReply,
  helloCodec,
  helloReplyCodec,
  nodeCardCodec,
  PROTOCOLS,
  type Signed,
  signDocument,
} from '../../../runtime/protocol/index.ts'
import type { Cluster } from '../../../runtime/swarm/charter/index.ts'
import type { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { libp2pTransport } from '../../../runtime/swarm/transport/libp2p/index.ts'
import type { ByteStream, Transport } from '../../../runtime/swarm/transport/transport.ts'
import { encodePrefix, type FrameKind } from '../../../runtime/swarm/wire/frame.ts'
import { type Channel, channel } from '../../../runtime/swarm/wire/index.ts'

/** Whom an attacker is after. */
export interface Target {
  readonly peer: string
  readonly addresses: readonly string[]
}

/** A transport under a key of nobody's. */
export async function strangerTransport(): Promise<Transport> {
  const init = { seed: randomBytes(32), listen: [], logger: silentLogger, carriers: ['quic' as const] }
  const transport = await libp2pTransport(init)
  await transport.start()
  return transport
}

/** A member by its documents, which keeps to no rule otherwise. */
export interface Traitor {
  readonly transport: Transport
  readonly key: SecretKey
  readonly cluster: Cluster
  readonly peer: string
}

/** The member that joined in this data folder. */
export async function traitorOf(dataDir: string): Promise<Traitor> {
  const folder = dataFolder(dataDir)
  const keys = await loadKeys(folder, systemClock)
  const cluster = await openCluster({ folder, clock: systemClock, logger: silentLogger }, keys)
  const transport = await libp2pTransport({
    seed: keys.node.exportSeed(),
    listen: [],
    logger: silentLogger,
    carriers: ['quic'],
  })
  await transport.start()
  return { transport, key: keys.node, cluster, peer: transport.peer }
}

/** A card of a member's own making. */
export function cardOf({ key, peer }: Traitor, devices: readonly Device[] = [], node = peer): Signed {
  const issuedWallMs = Date.now()
  const card = { node, name: 'evil', software: 'evil', sequence: issuedWallMs, issuedWallMs }
  return signDocument(
    nodeCardCodec,
    { ...card, expiresWallMs: issuedWallMs + 600_000, addresses: [], devices: [...devices] },
    key,
  )
}

/** A member's honest hello. */
export function helloOf(traitor: Traitor, devices: readonly Device[] = []): Hello {
  const { state, updates } = traitor.cluster.charter
  return {
    versions: [1],
    software: 'evil',
    cluster: state.cluster,
    membership: traitor.cluster.own.document,
    card: cardOf(traitor, devices),
    charterLength: updates.length,
  }
}

/** Connects and says a hello; what the target answers. */
export async function sayHello(transport: Transport, target: Target, hello: Hello): Promise<HelloReply> {
  await transport.connect(target.addresses)
  const talk = channel(await transport.open(target.peer, PROTOCOLS.hello))
  await talk.send(helloCodec.encode(hello))
  const frame = await talk.receive({ signal: AbortSignal.timeout(8_000) })
  if (!frame) throw new Error('no answer')
  await talk.end()
  return helloReplyCodec.decode(frame.body)
}

/** Says hello as a member and opens a control stream. */
export async function enter(traitor: Traitor, target: Target, devices: readonly Device[] = []): Promise<Channel> {
  const { transport } = traitor
  const reply = await sayHello(transport, target, helloOf(traitor, devices))
  if (reply.outcome !== 'welcome') throw new Error(`${reply.code}: ${reply.message}`)
  return channel(await transport.open(target.peer, PROTOCOLS.control))
}

/** A control message as bytes. */
export const said = (message: ControlMessage): Uint8Array => controlMessageCodec.encode(message)

/** A frame's prefix that announces what it likes. */
export function prefixOf(kind: FrameKind, { headerBytes = 0, bodyBytes = 0, version = 1 }): Buffer {
  const prefix = Buffer.from(encodePrefix(kind, new Uint8Array(), []))
  prefix.writeUInt8(version, 4)
  prefix.writeUInt32LE(headerBytes, 8)
  prefix.writeUInt32LE(bodyBytes, 12)
  return prefix
}

/** How a stream ends for who is refused: its code, or `open` when it has not ended in this time. */
export async function ending(stream: ByteStream, withinMs: number): Promise<string> {
  const signal = AbortSignal.timeout(withinMs)
  try {
    while (await stream.read({ signal }));
    return 'ended'
  } catch (error) {
    return signal.aborted ? 'open' : toAividaError(error).code
  }
}

/** Does this again and again, at this rate, until `stop` says so or it fails; how often it succeeded. */
export async function atRate(perSecond: number, forMs: number, act: (i: number) => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  let done = 0
  for (let i = 0; performance.now() - startMs < forMs; i++) {
    try {
      await act(i)
      done++
    } catch {
      // refused: it is no reason to stop
    }
    const dueMs = ((i + 1) / perSecond) * 1_000
    const waitMs = dueMs - (performance.now() - startMs)
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
  return done
}
