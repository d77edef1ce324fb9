/** Frames, and what travels in them before anything is known of its sender. */
import { peerError } from '../../../runtime/base/index.ts'
import { helloCodec, helloReplyCodec, type Signed, signedCodec } from '../../../runtime/protocol/index.ts'
import { admit, checkWelcome, MemoryTicketLedger, Roster } from '../../../runtime/swarm/charter/index.ts'
import { carrierOf, parseAddresses, peerIn } from '../../../runtime/swarm/transport/libp2p/dial.ts'
import { EndMark } from '../../../runtime/swarm/wire/end-mark.ts'
import { decodePrefix, encodePrefix, frameCrc, PREFIX_BYTES } from '../../../runtime/swarm/wire/frame.ts'
import { channel } from '../../../runtime/swarm/wire/index.ts'
import { alice, NOW, sampleTicket, seed } from '../../swarm/charter/sample-cluster.ts'
import { peerOf } from '../../swarm/identity/sample-keys.ts'
import { SAMPLE_BYTES } from '../../swarm/wire/sample-frames.ts'
import { cut, ScriptedStream } from '../../swarm/wire/scripted-stream.ts'
import { card, charter, membership, request, signedBy, ticketSamples, updates } from '../documents.ts'
import { codecTarget, reread, type Target } from '../target.ts'

/** Messages as the bytes of a stream, ended properly. */
export function streamOf(messages: readonly (readonly [header: Uint8Array, body?: Uint8Array])[]): Uint8Array {
  const mark = new EndMark()
  const frames = messages.map(([header, body = new Uint8Array()]) => {
    const prefix = encodePrefix('message', header, [body])
    mark.add(prefix, { headerBytes: header.byteLength, bodyBytes: body.byteLength })
    return Buffer.concat([prefix, header, body])
  })
  return Buffer.concat([...frames, encodePrefix('end', mark.bytes(), []), mark.bytes()])
}

/** A channel that hears these bytes, in pieces. */
export function channelOf(bytes: Uint8Array) {
  return channel(new ScriptedStream(cut(bytes, [1_000, 1, 7, 100_000])))
}

/** Frames whose checksums fit again, as far as their lengths lead from one to the next. */
function sealFrames(altered: Uint8Array): Uint8Array {
  const bytes = Buffer.from(altered)
  for (let at = 0; at + PREFIX_BYTES <= bytes.length; ) {
    const prefix = bytes.subarray(at, at + PREFIX_BYTES)
    const length = PREFIX_BYTES + prefix.readUInt32LE(8) + prefix.readUInt32LE(12)
    if (at + length > bytes.length) break
    prefix.writeUInt32LE(frameCrc(prefix, bytes.subarray(at + PREFIX_BYTES, at + length), []), 16)
    at += length
  }
  return bytes
}

const { genesis, state } = charter
const hello = {
  versions: [1, 2],
  software: 'aivida/1',
  cluster: state.cluster,
  membership,
  ticket: sampleTicket(charter),
  request,
  card,
  charterLength: 3,
}
const peers = [{ peer: peerOf(seed), addresses: ['/ip4/127.0.0.1/udp/4001/quic-v1'] }]
const welcome = {
  outcome: 'welcome' as const,
  ...{ version: 1, software: 'aivida/1', membership: signedBy.seed, granted: membership, card, genesis },
  ...{ updates: [...updates], peers },
}
const addresses = [
  `/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${peerOf(seed)}`,
  '/dns4/example.org/tcp/4001/p2p-circuit',
  '/ip6/::1/tcp/65535/tls/ws/http-path/a%2Fb',
  '/ip6zone/eth0/ip6/fe80::1/udp/1/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g',
  '/unix/tmp%2Fsocket/memory/a/garlic32/566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzu',
]

/** As many and as long as a card may name. */
const lines = (bytes: Uint8Array) => {
  const all = new TextDecoder().decode(bytes).split('\n')
  return all.slice(0, 32).map((line) => line.slice(0, 256))
}

/** See the head of this file. */
export const wireTargets: readonly Target[] = [
  {
    name: 'frame-prefix',
    samples: [{ bytes: SAMPLE_BYTES.subarray(0, PREFIX_BYTES) }],
    decode: (bytes) => {
      if (bytes.byteLength >= PREFIX_BYTES) return decodePrefix(bytes) // the reader waits until it has them
    },
  },
  {
    name: 'frames',
    samples: [{ bytes: SAMPLE_BYTES }, { bytes: SAMPLE_BYTES, seal: sealFrames }],
    cost: { perByte: 256, constant: 80 << 20 }, // a body is given its place when it is announced
    async decode(bytes) {
      const incoming = channelOf(bytes)
      while (await incoming.receive());
    },
  },
  codecTarget(helloCodec, [hello, { versions: [1], software: '', cluster: '', charterLength: 0 }]),
  codecTarget(helloReplyCodec, [welcome, { outcome: 'refused', code: 'ticket.expired', message: 'ask again' }], {
    cost: { perByte: 512, constant: 8 << 20 },
  }),
  {
    name: 'welcome',
    samples: [
      { bytes: helloReplyCodec.encode(welcome) },
      ...signedBy.samples(membership, signedBy.admin, (granted) => helloReplyCodec.encode({ ...welcome, granted })),
      ...signedBy.samples(updates[0]!, signedBy.admin, (update) =>
        helloReplyCodec.encode({ ...welcome, updates: [update, ...updates.slice(1)] }),
      ),
    ],
    decode(bytes) {
      const reply = helloReplyCodec.decode(bytes)
      if (reply.outcome === 'refused') return
      const expected = { cluster: state.cluster, peer: peerOf(seed), node: peerOf(alice), nowWallMs: NOW }
      return checkWelcome(expected, { ...reply, granted: reply.granted })
    },
  },
  {
    name: 'door',
    samples: [
      { bytes: helloCodec.encode(hello) },
      ...signedBy.samples(request, alice, (document) => helloCodec.encode({ ...hello, request: document })),
      ...signedBy.samples(membership, signedBy.admin, (document) =>
        helloCodec.encode({ ...hello, membership: document }),
      ),
      ...ticketSamples((ticket) => helloCodec.encode({ ...hello, ticket })),
    ],
    decode(bytes) {
      const desk = { state, roster: new Roster(), tickets: new MemoryTicketLedger(), canAdmit: true }
      const said = reread(helloCodec, bytes)
      const admission = admit({ ...desk, protocolVersions: [1], nowWallMs: NOW + 5 }, peerOf(alice), said)
      if (admission.outcome === 'refused') throw peerError(admission.code, admission.message)
      return admission
    },
  },
  {
    name: 'addresses',
    takesAll: true,
    samples: addresses.map((address) => ({ bytes: Buffer.from(address) })),
    decode: (bytes) =>
      parseAddresses(lines(bytes)).map((address) => {
        carrierOf(address)
        return peerIn(address)
      }),
  },
  {
    name: 'signed',
    samples: [{ bytes: signedCodec.encode(membership) }],
    decode: (bytes) => reread<Signed>(signedCodec, bytes),
  },
]
