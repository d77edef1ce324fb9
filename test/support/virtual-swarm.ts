import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, seededRandom, silentLogger } from '../../runtime/base/index.ts'
import {
  accountIdOf,
  type ControlMessage,
  type Device,
  type Hello,
  helloCodec,
  helloReplyCodec,
  PROTOCOLS,
  peerIdOf,
  type RefusalCounts,
} from '../../runtime/protocol/index.ts'
import {
  type AdmissionMode,
  Cluster,
  ClusterStore,
  Door,
  MemoryTicketLedger,
} from '../../runtime/swarm/charter/index.ts'
import type { Discovery } from '../../runtime/swarm/discovery/discovery.ts'
import { type BindingProof, completeBinding, proposeBinding, SecretKey } from '../../runtime/swarm/identity/index.ts'
import { NodeSwarm } from '../../runtime/swarm/node-swarm.ts'
import { PROTOCOL_VERSIONS } from '../../runtime/swarm/presence/hello.ts'
import type { Seed } from '../../runtime/swarm/presence/seed.ts'
import { type MemoryNetwork, memoryNetwork, type Transport } from '../../runtime/swarm/transport/index.ts'
import { channel } from '../../runtime/swarm/wire/index.ts'
import { memoryDisk } from './memory-disk.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A device of a test node. */
export const cpu = (slots = 1): Device => ({
  id: 'cpu0',
  provider: 'cpu',
  model: 'test',
  slots,
  memoryBytes: 1e9,
  determinismClass: 'class-a',
  exact: true,
  sandboxLevel: 0,
  kinds: ['infer'],
})

/** One node of a {@link VirtualSwarm}: the production swarm, over a network and a clock of the test's. */
export interface VirtualNode {
  readonly name: string
  readonly key: SecretKey
  readonly peer: string
  readonly swarm: NodeSwarm
  readonly cluster: Cluster
  readonly door: Door
  readonly transport: Transport
  readonly disk: ReturnType<typeof memoryDisk>
  devices: Device[]
  /** Whose it is, set before it starts. Default: nobody's. */
  owner?: { readonly account: string; readonly binding: BindingProof }
  /** What it tells a peer of why it gives it nothing. */
  refusals: RefusalCounts
  /** Changes it heard of, as `ms type name`; cards only of others. */
  readonly events: string[]
  /** Codes of what it warned of, in order. */
  readonly warnings: string[]
  start(): Promise<void>
}

/** How a node joins a {@link VirtualSwarm}. */
export interface VirtualNodeInit {
  /** Nodes it knows from the start. Default: the founder. */
  readonly seeds?: readonly VirtualNode[]
  /** Lets removed peers through to hello, where they are told why. Default: false, as in production. */
  readonly openGate?: boolean
  /** Where it begins, instead of at the addresses of {@link seeds}. */
  readonly begin?: readonly Seed[]
  /** How far its wall clock is ahead of the others', ms. Default: 0. */
  readonly aheadMs?: number
  /** Addresses that it says it has, asked anew each time. Default: those it is reached at. */
  readonly says?: (actual: readonly string[]) => readonly string[]
  readonly discoveries?: readonly Discovery[]
}

/** Real nodes in one process, one cluster and one virtual time: the same events in every run. */
export class VirtualSwarm {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  /** The account of the founder, the cluster's admin. */
  readonly admin: SecretKey
  readonly nodes: VirtualNode[] = []
  readonly #admission: AdmissionMode

  constructor({ admission = 'ticket', latencyMs = 10 }: { admission?: AdmissionMode; latencyMs?: number } = {}) {
    this.network = memoryNetwork({ clock: this.clock, random: seededRandom(1), latencyMs })
    this.#admission = admission
    this.admin = this.key()
  }

  /** A key that nothing else in this process has; the same one in every run. */
  key(): SecretKey {
    const seed = new Uint8Array(32)
    new DataView(seed.buffer).setUint32(0, ++keys)
    return new SecretKey(seed)
  }

  /** A node that is a member and not started: the first one founds the cluster, the others come by its ticket. */
  async node(name: string, init: VirtualNodeInit = {}): Promise<VirtualNode> {
    const [founder] = this.nodes
    const [key, disk] = [this.key(), memoryDisk()]
    const store = new ClusterStore(disk, '/cluster')
    const parts = { node: key, store, clock: this.clock }
    const cluster = founder
      ? await admitted(founder, parts)
      : await Cluster.found(parts, this.admin, { name: 'virtual', admission: this.#admission })
    const node = await this.#assemble(name, key, disk, cluster, store, init.seeds ?? this.nodes.slice(0, 1), init)
    this.nodes.push(node)
    return node
  }

  /** The same node after its process was killed and started anew: what was not on disk is gone. */
  async restarted(old: VirtualNode, init: VirtualNodeInit = {}): Promise<VirtualNode> {
    this.network.kill(old.peer)
    await old.swarm.stop()
    const store = new ClusterStore(old.disk, '/cluster')
    const cluster = await Cluster.open({ node: old.key, store, clock: this.clock })
    const seeds = init.seeds ?? this.nodes.filter((node) => node !== old)
    const node = await this.#assemble(old.name, old.key, old.disk, cluster!, store, seeds, init)
    node.devices = old.devices
    if (old.owner) node.owner = old.owner
    this.nodes[this.nodes.indexOf(old)] = node
    return node
  }

  async #assemble(
    name: string,
    key: SecretKey,
    disk: VirtualNode['disk'],
    cluster: Cluster,
    store: ClusterStore,
    seeds: readonly VirtualNode[],
    { openGate = false, begin, aheadMs = 0, says = (actual) => actual, discoveries = [] }: VirtualNodeInit,
  ): Promise<VirtualNode> {
    const { network } = this
    const clock = ahead(this.clock, aheadMs)
    const peer = peerIdOf(key.publicKey)
    const gate = (other: string) => openGate || !cluster.charter.state.removed.has(other)
    const transport = network.transport(peer, { gate })
    const actual = transport.addresses.bind(transport)
    transport.addresses = () => says(actual())
    const tickets = new MemoryTicketLedger()
    const [events, warnings]: [string[], string[]] = [[], []]
    const door = await Door.open({ cluster, keys: [key], tickets, store, clock, protocolVersions: PROTOCOL_VERSIONS })
    const swarm: NodeSwarm = new NodeSwarm({
      transport,
      cluster,
      door,
      signer: key,
      clock,
      random: seededRandom(keys),
      logger: { ...silentLogger, warn: ({ code }) => warnings.push(String(code)) },
      describe: () => ({
        ...{ name, software: 'test', devices: node.devices },
        ...(node.owner && { account: node.owner.account }),
      }),
      refusalsOf: () => node.refusals,
      seeds: begin ?? seeds.map(({ peer }) => ({ address: addressOf(peer), source: 'ticket' })),
      discoveries,
    })
    const start = () => swarm.start()
    const node: VirtualNode = {
      ...{ name, key, peer, swarm, cluster, door, transport, disk, events, warnings, start },
      devices: [cpu()],
      refusals: {},
    }
    const note = (type: string) => (other: string) => {
      if (other !== peer) events.push(`${clock.monoMs()} ${type} ${this.nameOf(other)}`)
    }
    swarm.subscribe({ card: note('card'), suspect: note('suspect'), alive: note('alive'), lost: note('lost') })
    return node
  }

  /** Makes nodes that have not started belong to one account; gives back its id. */
  bind(key: SecretKey, ...nodes: VirtualNode[]): string {
    const account = accountIdOf(key.publicKey)
    for (const node of nodes)
      node.owner = { account, binding: completeBinding(proposeBinding(account, { issuedWallMs: 0 }, node.key), key) }
    return account
  }

  nameOf(peer: string): string {
    return this.nodes.find((node) => node.peer === peer)?.name ?? 'stranger'
  }

  /** Members that a node sees, as `name state`, sorted. */
  seenBy(node: VirtualNode): string[] {
    return node.swarm
      .members()
      .map(({ peer, state }) => `${this.nameOf(peer)} ${state}`)
      .sort()
  }

  /** Lets `ms` of virtual time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advanceAsync(ms)
  }

  /** Lets time pass until `done` holds; gives back how long it took. Throws when it did not within `limitMs`. */
  async until(done: () => boolean, limitMs: number, what = 'the condition'): Promise<number> {
    const startMs = this.clock.monoMs()
    for (let ms = 0; ms <= limitMs; ms += STEP_MS) {
      if (done()) return this.clock.monoMs() - startMs
      await this.pass(STEP_MS)
    }
    throw new Error(`${what} did not come about within ${limitMs} ms of virtual time`)
  }

  /** Lets time pass until the promise settles. Throws when it did not within `limitMs`. */
  async outcome<T>(promise: Promise<T>, limitMs = 30_000): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    watched.catch(() => {})
    await this.pass(0)
    const startMs = this.clock.monoMs()
    while (!settled && this.clock.monoMs() - startMs < PATIENT_MS) await this.pass(STEP_MS)
    // It may wait for the real disk, which a busy machine keeps waiting while virtual time flies.
    while (!settled && this.clock.monoMs() - startMs < limitMs) {
      await sleep(1)
      await this.pass(STEP_MS)
    }
    if (!settled) throw new Error(`an outcome did not come about within ${limitMs} ms of virtual time`)
    return watched
  }

  cut(a: VirtualNode, b: VirtualNode): void {
    this.network.cut(a.peer, b.peer)
  }

  heal(a: VirtualNode, b: VirtualNode): void {
    this.network.heal(a.peer, b.peer)
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(({ swarm }) => swarm.stop()))
  }
}

/** Where a node of a network in memory is reached. */
export const addressOf = (peer: string) => `/memory/${peer}/p2p/${peer}`

/** The same time, but for people. */
const ahead = (clock: VirtualClock, aheadMs: number): Clock => ({
  wallMs: () => clock.wallMs() + aheadMs,
  monoMs: () => clock.monoMs(),
  after: (delayMs, fn) => clock.after(delayMs, fn),
  turn: () => clock.turn(),
})

const STEP_MS = 10
/** Longer than this, an outcome is given real time too. */
const PATIENT_MS = 2_000
let keys = 0

/** A cluster as its newest member holds it, which its founder let in by a ticket. */
export async function admitted(
  founder: Pick<VirtualNode, 'cluster' | 'door'>,
  init: Parameters<typeof Cluster.join>[0],
): Promise<Cluster> {
  const { cluster, door } = founder
  const { cluster: id } = cluster.charter.state
  const node = peerIdOf(init.node.publicKey)
  const expiresWallMs = init.clock.wallMs() + 86_400_000
  const ticket = door.invite({ seeds: [`/memory/${cluster.own.node}`], role: 'member', uses: 1, expiresWallMs })
  const answer = await door.hello(node, { versions: [...PROTOCOL_VERSIONS], cluster: id, ticket })
  if (answer.outcome !== 'welcome') throw new Error(`not admitted: ${JSON.stringify(answer)}`)
  const { genesis, updates } = cluster.charter
  const welcome = { genesis, updates: [...updates], membership: cluster.own.document, granted: answer.granted }
  return Cluster.join(init, id, cluster.own.node, welcome)
}

/** Says this hello to `to` from `from` and gives the whole answer, as a foreign implementation would. */
export async function rawHello(from: Transport, to: string, hello: Hello) {
  await from.connect([`/memory/${to}`])
  const talk = channel(await from.open(to, PROTOCOLS.hello))
  await talk.send(helloCodec.encode(hello))
  const frame = await talk.receive()
  if (!frame) throw new Error('no answer')
  return helloReplyCodec.decode(frame.body)
}

/** A {@link ControlMessage} of this kind that says next to nothing. */
export const heartbeat = (sequence: number): ControlMessage => ({
  type: 'heartbeat',
  sequence,
  cardSequence: 0,
  refusals: {},
})
