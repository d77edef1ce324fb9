import { type Digest, sha256 } from '../../../runtime/base/index.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import {
  controlMessageCodec,
  type Device,
  type Lease,
  modelsOf,
  offerCodec,
  openDocument,
  PROTOCOLS,
  type Receipt,
  type Signed,
  signedCodec,
  signReceipts,
} from '../../../runtime/protocol/index.ts'
import { channel } from '../../../runtime/swarm/wire/index.ts'
import { cardOf, enter, said, type Target, type Traitor } from './knock.ts'
import type { Told } from './stranger-attacks.ts'

/** How it betrays who gives it work. */
export type Betrayal =
  /** Outputs that come along are not what the receipt names. */
  | 'other outputs'
  /** Outputs have to be fetched, and what it serves are other bytes. */
  | 'wrong chunk'
  /** Asks for the model's chunks with its grant, and never reads an answer. */
  | 'never reads'

/** Takes leases as a worker with a device of its own, and betrays for a while. */
export async function evilWorker(
  traitor: Traitor,
  target: Target,
  { betrayal, device, forMs }: { betrayal: Betrayal; device: Device; forMs: number },
): Promise<Told> {
  const { transport, key, peer } = traitor
  const told = { leases: 0, served: 0 }
  const end = AbortSignal.timeout(forMs)
  transport.handle(PROTOCOLS.blob, async (stream) => {
    const talk = channel(stream)
    for (let frame = await talk.receive(); frame; frame = await talk.receive()) {
      told.served++
      const sizeBytes = 100_000
      await talk.send(blobReplyCodec.encode({ type: 'content', sizeBytes }), [new Uint8Array(sizeBytes)])
    }
  })
  transport.handle(PROTOCOLS.control, async (stream) => {
    const incoming = channel(stream)
    for (let frame = await incoming.receive(); frame && !end.aborted; frame = await incoming.receive()) {
      const message = controlMessageCodec.decode(frame.header)
      if (message.type !== 'offer') continue
      const { leases } = openDocument(offerCodec, message.offer).value
      told.leases += leases.length
      await betray(leases, message.grants).catch(() => {}) // cut off
    }
  })
  const entering = enter(traitor, target, [device])
  const talk = await entering
  setInterval(() => {
    const beat = { type: 'heartbeat', sequence: 1, cardSequence: 1, refusals: {} } as const
    talk.send(said(beat)).catch(() => {})
  }, 500)

  async function betray(leases: readonly Lease[], grants: readonly Signed[]): Promise<void> {
    const talk = await entering // the first offer may be faster
    const accept = () => talk.send(said({ type: 'accept', leases: leases.map(({ id }) => id) }))
    if (betrayal === 'never reads') {
      if (told.served > 0) return decline(leases) // one is enough
      await accept()
      return hoard(leases[0]!, grants[0]!)
    }
    await accept()
    for (const lease of leases) {
      const bytes = new Uint8Array(betrayal === 'wrong chunk' ? 100_000 : 64).fill(7)
      const outputs = { blob: sha256(Uint8Array.of(1)), sizeBytes: bytes.byteLength }
      const batch = signReceipts([receiptFor(lease, outputs)], key)
      const isInline = betrayal === 'other outputs'
      await talk.send(said({ type: 'receipts', batch, inline: isInline ? [outputs] : [] }), isInline ? [bytes] : [])
    }
  }

  async function decline(leases: readonly Lease[]): Promise<void> {
    const busy = { reason: 'busy' as const, message: '', retryAfterMs: 60_000 }
    await (await entering).send(said({ type: 'decline', leases: leases.map(({ id }) => ({ lease: id, ...busy })) }))
  }

  function receiptFor(lease: Lease, outputs: Receipt['outputs']): Receipt {
    const { id, job, epoch, shard } = lease
    const { determinismClass } = device
    return { lease: id, job, epoch, shard, worker: peer, device: device.id, determinismClass, outputs, computeMs: 1 }
  }

  async function hoard(lease: Lease, grant: Signed): Promise<void> {
    told.served++
    const stream = channel(await transport.open(target.peer, PROTOCOLS.blob))
    const { graph, weights } = modelsOf(lease.spec)[0]!
    const blob: Digest = (weights[0] ?? graph).blob
    await stream.send(blobRequestCodec.encode({ type: 'open', blob, grant: signedCodec.encode(grant), tree: false }))
    for (let i = 0; i < 60; i++) await stream.send(blobRequestCodec.encode({ type: 'chunk', index: 0 }))
  }

  await new Promise<void>((resolve) => end.addEventListener('abort', () => resolve(), { once: true }))
  await talk.send(said({ type: 'card', card: cardOf(traitor) })).catch(() => {}) // takes no more work
  return told
}
