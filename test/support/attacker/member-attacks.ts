import { sha256 } from '../../../runtime/base/index.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import {
  accountIdOf,
  type ControlMessage,
  controlMessageCodec,
  type Lease,
  offerCodec,
  PROTOCOLS,
  type Receipt,
  type ShardSpec,
  shardId,
  signDocument,
  signReceipts,
} from '../../../runtime/protocol/index.ts'
import { updateCodec } from '../../../runtime/swarm/charter/index.ts'
import { bindingProofCodec, completeBinding, proposeBinding, SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { type Channel, channel } from '../../../runtime/swarm/wire/index.ts'
import { cardOf, ending, enter, helloOf, prefixOf, said, sayHello, type Target, type Traitor } from './knock.ts'
import type { Told } from './stranger-attacks.ts'

const heartbeat = (sequence: number): ControlMessage => ({ type: 'heartbeat', sequence, cardSequence: 0, refusals: {} })

/** How many of these could be sent before the target ended it. */
async function flood(talk: Channel, count: number, message: (i: number) => Uint8Array): Promise<number> {
  let sent = 0
  try {
    for (; sent < count; sent++) await talk.send(message(sent))
  } catch {
    // cut off
  }
  return sent
}

/** Breaks frames on the control and blob protocols, in every way but one after the other. */
export async function brokenFrames(traitor: Traitor, target: Target): Promise<Told> {
  await enter(traitor, target)
  const wrongCrc = Buffer.concat([prefixOf('message', { headerBytes: 64 }), Buffer.alloc(64, 1)])
  const told: Told = {}
  for (const protocol of [PROTOCOLS.control, PROTOCOLS.blob])
    for (const [what, bytes] of Object.entries({
      garbage: Buffer.alloc(4_096, 0x5a),
      'newer frames': prefixOf('message', { version: 2 }),
      'oversized frame': prefixOf('message', { headerBytes: 2 ** 31 }),
      'oversized body': prefixOf('message', { bodyBytes: 2 ** 31 }),
      'length that lies': wrongCrc,
    })) {
      const stream = await traitor.transport.open(target.peer, protocol)
      await stream.write([bytes]).catch(() => {})
      told[`${protocol} ${what}`] = await ending(stream, 5_000)
    }
  return told
}

/** Goes on with garbage until it is cut off, then knocks again at once. */
export async function garbageUntilGated(traitor: Traitor, target: Target): Promise<Told> {
  await enter(traitor, target)
  let borne = 0
  try {
    for (; borne < 100; borne++) {
      const stream = await traitor.transport.open(target.peer, PROTOCOLS.control)
      await stream.write([Buffer.alloc(64, borne)]).catch(() => {})
      await ending(stream, 5_000)
    }
  } catch {
    // cut off
  }
  const back = await sayHello(traitor.transport, target, helloOf(traitor)).then(
    ({ outcome }) => outcome,
    () => 'kept out',
  )
  return { borne, back }
}

/** Ends a stream in the middle of a message. */
export async function truncated(traitor: Traitor, target: Target): Promise<Told> {
  await enter(traitor, target)
  const stream = await traitor.transport.open(target.peer, PROTOCOLS.control)
  await stream.write([prefixOf('message', { headerBytes: 100 }), Buffer.alloc(50)])
  await stream.closeWrite()
  return { control: await ending(stream, 5_000) }
}

/** Begins messages and does not end them: on control, and as a blob request; with large bodies announced. */
export async function slowMessages(traitor: Traitor, target: Target, { count }: { count: number }): Promise<Told> {
  await enter(traitor, target)
  const begun = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const startMs = performance.now()
      const protocol = i % 2 === 0 ? PROTOCOLS.control : PROTOCOLS.blob
      const stream = await traitor.transport.open(target.peer, protocol)
      const drip = setInterval(() => void stream.write([Uint8Array.of(1)]).catch(() => {}), 500)
      await stream.write([prefixOf('message', { headerBytes: 1_000, bodyBytes: i % 2 === 0 ? 16 << 20 : 0 })])
      const how = i % 2 === 0 ? 'open' : await ending(stream, 15_000)
      clearInterval(drip)
      return { how, ms: performance.now() - startMs }
    }),
  )
  const blobs = begun.filter(({ how }) => how !== 'open')
  return { ended: blobs.length, longestMs: Math.round(Math.max(...blobs.map(({ ms }) => ms))) }
}

/** Asks for a blob without a grant, again and again. */
export async function grantlessRequests(traitor: Traitor, target: Target, { count }: { count: number }): Promise<Told> {
  await enter(traitor, target)
  const talk = channel(await traitor.transport.open(target.peer, PROTOCOLS.blob))
  let refused = 0
  try {
    for (let i = 0; i < count; i++) {
      await talk.send(blobRequestCodec.encode({ type: 'open', blob: sha256(Uint8Array.of(i)), tree: true }))
      if (await talk.receive({ signal: AbortSignal.timeout(5_000) })) refused++
    }
  } catch {
    // cut off
  }
  return { refused }
}

/** Opens thousands of streams, and ends each soon, or none of them. */
export async function manyStreams(
  traitor: Traitor,
  target: Target,
  { count, protocol = PROTOCOLS.control, keep = false }: { count: number; protocol?: string; keep?: boolean },
): Promise<Told> {
  await enter(traitor, target)
  let opened = 0
  let isOver = false
  for (let i = 0; i < count && !isOver; i += 64)
    await Promise.all(
      Array.from({ length: 64 }, () =>
        traitor.transport.open(target.peer, protocol).then(
          async (stream) => {
            opened++
            if (keep) return void stream.read().catch(() => {})
            await stream.read({ signal: AbortSignal.timeout(50) }).catch(() => {})
            stream.abort(new Error('enough'))
          },
          ({ code }) => {
            if (code === 'peer.not-connected') isOver = true
          },
        ),
      ),
    )
  return { opened, isOver }
}

/** Sends far more heartbeats than there are. */
export async function heartbeatFlood(traitor: Traitor, target: Target, { count }: { count: number }): Promise<Told> {
  return { sent: await flood(await enter(traitor, target), count, (i) => said(heartbeat(i))) }
}

/** Sends a new card again and again. */
export async function cardFlood(traitor: Traitor, target: Target, { count }: { count: number }): Promise<Told> {
  const talk = await enter(traitor, target)
  const card = said({ type: 'card', card: cardOf(traitor) })
  return { sent: await flood(talk, count, () => card) }
}

/** Sends cards in another's name, and charter updates of its own making. */
export async function forgeries(
  traitor: Traitor,
  target: Target,
  { what, count }: { what: 'card' | 'update'; count: number },
): Promise<Told> {
  const talk = await enter(traitor, target)
  const { state } = traitor.cluster.charter
  const update = {
    cluster: state.cluster,
    version: state.version + 1,
    previous: state.head,
    atWallMs: Date.now(),
    change: { type: 'remove-member' as const, member: target.peer },
  }
  const message: ControlMessage =
    what === 'card'
      ? { type: 'card', card: cardOf(traitor, [], target.peer) }
      : { type: 'charter', updates: [signDocument(updateCodec, update, traitor.key)] }
  return { sent: await flood(talk, count, () => said(message)) }
}

/** Sends receipts for leases that it does not hold. */
export async function strangeReceipts(
  traitor: Traitor,
  target: Target,
  { job, count }: { job: string; count: number },
): Promise<Told> {
  const talk = await enter(traitor, target)
  const receipt: Receipt = {
    lease: `${job}.1.0`,
    job,
    epoch: 1,
    shard: sha256(Uint8Array.of(1)),
    worker: traitor.peer,
    device: 'cpu0',
    determinismClass: '',
    outputs: { blob: sha256(Uint8Array.of(2)), sizeBytes: 1 },
    computeMs: 1,
  }
  const batch = signReceipts([receipt], traitor.key)
  return { sent: await flood(talk, count, () => said({ type: 'receipts', batch, inline: [] })) }
}

/** Offers a worker leases that are another's, for another's account, of an old epoch, or that it has done with. */
export async function strangeOffers(traitor: Traitor, target: Target, { device }: { device: string }): Promise<Told> {
  traitor.transport.handle(PROTOCOLS.blob, async (stream) => {
    const talk = channel(stream)
    const refused = blobReplyCodec.encode({ type: 'refused', code: 'blob.not-found', message: 'none' })
    while (await talk.receive()) await talk.send(refused)
  })
  traitor.transport.handle(PROTOCOLS.control, async (stream) => {
    const talk = channel(stream)
    for (let frame = await talk.receive(); frame; frame = await talk.receive()) {
      const message = controlMessageCodec.decode(frame.header)
      if (message.type !== 'heartbeat' && message.type !== 'card') heard.push(message.type)
    }
  })
  const heard: string[] = []
  const talk = await enter(traitor, target)
  const owner = SecretKey.generate()
  const account = accountIdOf(owner.publicKey)
  const terms = { cluster: traitor.cluster.charter.state.cluster, issuedWallMs: Date.now(), expiresWallMs: 2 ** 42 }
  const binding = bindingProofCodec.encode(completeBinding(proposeBinding(account, terms, traitor.key), owner))
  const ref = { blob: sha256(Uint8Array.of(7)), sizeBytes: 1 }
  const spec: ShardSpec = { kind: 'infer', model: { graph: ref, weights: [] }, inputs: ref, outputs: [], rows: 1 }
  const lease = (id: string, changes: Partial<Lease> = {}): Lease => ({
    id,
    job: 'job-eeeeeeeeeeeeeeee',
    epoch: 5,
    shard: shardId(spec),
    spec,
    account,
    worker: target.peer,
    device,
    durationMs: 60_000,
    requirements: {},
    policy: { mode: 'none' },
    providers: [traitor.peer],
    ...changes,
  })
  const offer = (...leases: Lease[]) =>
    talk.send(
      said({
        type: 'offer',
        offer: signDocument(offerCodec, { submitter: traitor.peer, leases }, traitor.key),
        grants: [],
        inline: [],
        binding,
      }),
    )
  await offer(lease('job-eeeeeeeeeeeeeeee.5.0'))
  while (!heard.includes('failed')) await new Promise((resolve) => setTimeout(resolve, 20))
  await offer(lease('job-eeeeeeeeeeeeeeee.5.0'))
  await offer(lease('job-eeeeeeeeeeeeeeee.4.0', { epoch: 4 }))
  await offer(lease('job-eeeeeeeeeeeeeeee.5.1', { account: accountIdOf(traitor.key.publicKey) }))
  await offer(lease('job-eeeeeeeeeeeeeeee.5.1', { worker: traitor.peer }))
  await new Promise((resolve) => setTimeout(resolve, 300))
  return { heard }
}

/** Says hello, if it can. */
export async function call(traitor: Traitor, target: Target): Promise<Told> {
  return sayHello(traitor.transport, target, helloOf(traitor)).then(
    (reply) => ({ hello: reply.outcome === 'refused' ? reply.code : reply.outcome }),
    () => ({ hello: 'kept out' }),
  )
}
