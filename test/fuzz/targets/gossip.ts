/** What members say of other members, and how the node takes it. */
import { limit, seededRandom, silentLogger } from '../../../runtime/base/index.ts'
import {
  type ControlMessage,
  controlMessageCodec,
  type NodeCard,
  nodeCardCodec,
  openDocument,
  signDocument,
} from '../../../runtime/protocol/index.ts'
import { Cluster } from '../../../runtime/swarm/charter/index.ts'
import { Directory } from '../../../runtime/swarm/presence/directory.ts'
import { Gossip } from '../../../runtime/swarm/presence/gossip.ts'
import { initialLiveness } from '../../../runtime/swarm/presence/liveness.ts'
import type { Member } from '../../../runtime/swarm/presence/member.ts'
import { MemberTable } from '../../../runtime/swarm/presence/member-table.ts'
import { OwnCard } from '../../../runtime/swarm/presence/own-card.ts'
import type { Transport } from '../../../runtime/swarm/transport/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { alice, bob, NOW, sampleMember, seed } from '../../swarm/charter/sample-cluster.ts'
import { peerOf } from '../../swarm/identity/sample-keys.ts'
import { card, charter, clusterStore, signedBy } from '../documents.ts'
import type { Target } from '../target.ts'

const clock = new VirtualClock(NOW + 10)
const transport = { peer: peerOf(alice), addresses: () => [] } as Partial<Transport> as Transport
const cluster = (await Cluster.open({ node: alice, store: clusterStore, clock }))!
const describe = () => ({ name: 'alice', software: 'aivida/1', devices: [] })
const own = new OwnCard({ transport, signer: alice, clock, describe })
const liveness = initialLiveness({ suspectAfterMs: 1, lostAfterMs: 2 })
const sender = { peer: peerOf(seed), version: 2, state: 'alive', heardMs: 0 } as Partial<Member> as Member

const bobs: NodeCard = { ...openDocument(nodeCardCodec, card).value, node: peerOf(bob) }
const cardOfBob = signDocument(nodeCardCodec, bobs, bob)
const membershipOfBob = sampleMember(charter, bob).document
const cards = (one: typeof cardOfBob, membership = membershipOfBob): Uint8Array =>
  controlMessageCodec.encode({ type: 'cards', cards: [{ card: one, membership, ageMs: 5 }] })

const comparison: ControlMessage = {
  type: 'gossip',
  ask: true,
  from: '',
  to: peerOf(seed),
  heard: [peerOf(alice), peerOf(bob)].map((peer) => ({ peer, sequence: 9, ageMs: 1_000 })),
  wants: [peerOf(alice)],
}

/** See the head of this file. */
export const gossipTargets: readonly Target[] = [
  {
    name: 'gossip',
    samples: [
      { bytes: controlMessageCodec.encode(comparison) },
      { bytes: controlMessageCodec.encode({ ...comparison, ask: false }) },
      { bytes: cards(cardOfBob) },
      ...signedBy.samples(cardOfBob, bob, (altered) => cards(altered)),
      ...signedBy.samples(membershipOfBob, signedBy.admin, (altered) => cards(cardOfBob, altered)),
    ],
    decode(bytes) {
      const message = controlMessageCodec.decode(bytes)
      const members = new MemberTable({ transport, clock, logger: silentLogger, liveness })
      const gossip = new Gossip({
        ...{ self: peerOf(alice), cluster, directory: new Directory(), members, card: own, clock },
        random: seededRandom(1),
        logger: silentLogger,
        post(_, answer) {
          const sizeBytes = controlMessageCodec.encode(answer).byteLength
          if (sizeBytes > limit('frameHeaderBytes')) throw new Error(`an answer of ${sizeBytes} bytes`)
        },
        learnt() {},
        outdone() {},
      })
      if (message.type === 'gossip') gossip.hear(sender, message)
      if (message.type === 'cards') gossip.take(message.cards)
    },
  },
]
