import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { AividaError, type Clock, deadline, isAividaError, type Logger, limit, userError } from '../../base/index.ts'
import { systemDisk } from '../../log/index.ts'
import { accountIdOf, type Hello, PROTOCOLS, peerIdOf } from '../../protocol/index.ts'
import {
  type AdmissionMode,
  assertNotExpired,
  type Charter,
  Cluster,
  ClusterStore,
  Door,
  FileTicketLedger,
  openTicket,
  signMembership,
  type Ticket,
} from '../../swarm/charter/index.ts'
import {
  type BindingProof,
  bindingProofCodec,
  completeBinding,
  loadOrCreateKey,
  proposeBinding,
  readKeyFile,
  type SecretKey,
} from '../../swarm/identity/index.ts'
import { peerOfAddress } from '../../swarm/presence/address-book.ts'
import { PROTOCOL_VERSIONS, sayHello, type WelcomeReply } from '../../swarm/presence/hello.ts'
import { type LibP2PCarrier, libp2pTransport } from '../../swarm/transport/libp2p/index.ts'
import { channel } from '../../swarm/wire/index.ts'
import { type DataFolder, makeDataFolder } from '../data-folder.ts'
import { SOFTWARE } from '../version.ts'
import { keepAddresses } from './known-peers.ts'

/** What every step of membership needs. */
export interface MembershipInit {
  readonly folder: DataFolder
  readonly clock: Clock
  readonly logger: Logger
}

/** How a cluster is founded. */
export interface FoundTerms {
  /** Default: the machine's name. */
  readonly name?: string
  /** Default: `ticket`. */
  readonly admission?: AdmissionMode
}

/** A node's keys - its own, and its account's where that lies on this machine - and the proof that they belong together. */
export interface NodeKeys {
  readonly node: SecretKey
  readonly account: SecretKey | undefined
  /** What `aivida account link` brought, over an account of its own; else made on the spot where both keys are at hand. */
  readonly binding: BindingProof | undefined
}

/** Reads the keys; the node's is made at first use. Throws `key.readable` when others may read one. */
export async function loadKeys(folder: DataFolder, clock: Clock): Promise<NodeKeys> {
  const node = await loadOrCreateKey(folder.nodeKey, 'node')
  const account = await readAccountKey(folder)
  const linked = await readBinding(folder)
  if (!account || linked) return { node, account, binding: linked }
  const terms = { issuedWallMs: Math.floor(clock.wallMs()) }
  const binding = completeBinding(proposeBinding(accountIdOf(account.publicKey), terms, node), account)
  return { node, account, binding }
}

async function readAccountKey({ accountKey }: DataFolder): Promise<SecretKey | undefined> {
  try {
    return await readKeyFile(accountKey, 'account')
  } catch (error) {
    if (isAividaError(error, 'key.missing')) return undefined
    throw error
  }
}

async function readBinding({ binding }: DataFolder): Promise<BindingProof | undefined> {
  const bytes = await readFile(binding).catch(() => undefined)
  return bytes && bindingProofCodec.decode(bytes)
}

/** Founds a cluster of one, with this node's account (made, if there is none) as its admin. Throws `cluster.exists`. */
export async function initCluster(
  { folder, clock }: MembershipInit,
  { name = hostname().slice(0, 64) || 'cluster', admission = 'ticket' }: FoundTerms = {},
): Promise<Cluster> {
  await makeDataFolder(folder)
  const { node } = await loadKeys(folder, clock)
  const store = clusterStore(folder)
  const present = await store.loadCharter()
  if (present) throw memberAlready(present)
  const account = await loadOrCreateKey(folder.accountKey, 'account')
  return Cluster.found({ node, store, clock }, account, { name, admission })
}

function memberAlready({ state }: Charter): AividaError {
  return userError('cluster.exists', `this node is in cluster ${state.name} already; leave it first: aivida leave`)
}

/** The cluster this node is a member of. Throws `cluster.none`, `cluster.damaged`. */
export async function openCluster({ folder, clock }: MembershipInit, { node }: NodeKeys): Promise<Cluster> {
  const cluster = await Cluster.open({ node, store: clusterStore(folder), clock })
  if (cluster) return cluster
  throw noCluster()
}

function noCluster(): AividaError {
  return userError(
    'cluster.none',
    'this node is in no cluster; found one (aivida init) or join one (aivida join TICKET)',
  )
}

/**
 * Leaves a cluster while the node does not run, which may be because it cannot start: only one without other members,
 * who would have to be told. Throws `cluster.none`, `cluster.damaged`, `key.*`, and `node.not-running` when there are others.
 */
export async function leaveUntold({ folder, clock }: MembershipInit): Promise<void> {
  const store = clusterStore(folder)
  const charter = await store.loadCharter()
  if (!charter) throw noCluster()
  const { node } = await loadKeys(folder, clock)
  const cluster = await Cluster.open({ node, store, clock })
  const others = cluster?.roster.members().filter((member) => member.node !== cluster.own.node) ?? []
  if (others.length > 0)
    throw userError(
      'node.not-running',
      `cluster ${charter.state.name} has other members (${others.length}), and only a running node tells them that it leaves`,
      {
        remedy: `aivida up, then aivida leave; if it cannot start: aivida remove ${peerIdOf(node.publicKey)} on an admin's node, and a new data folder here (--data-dir)`,
      },
    )
  await store.clear()
}

/** Where a member lets others in. */
export async function openDoor({ folder, clock }: MembershipInit, cluster: Cluster, keys: NodeKeys): Promise<Door> {
  return Door.open({
    cluster,
    keys: keys.account ? [keys.node, keys.account] : [keys.node],
    tickets: await FileTicketLedger.open(folder.tickets),
    store: clusterStore(folder),
    clock,
    protocolVersions: PROTOCOL_VERSIONS,
  })
}

/** How {@link joinCluster} goes about it. */
export interface JoinOptions {
  /** Default: QUIC, then TCP. */
  readonly carriers?: readonly LibP2PCarrier[]
  /** Hears of each peer before it is dialled, and of its addresses in the ticket. Default: nobody does. */
  readonly calling?: (peer: string, addresses: readonly string[]) => void
}

/**
 * Joins a cluster: knocks at the ticket's seeds, one after the other, and keeps what the first one that can admit answers.
 * Throws `ticket.*`, `cluster.exists`, `membership.*`, and `join.no-seed` when none could be reached.
 */
export async function joinCluster(
  { folder, clock, logger }: MembershipInit,
  text: string,
  { carriers = ['quic', 'tcp'], calling }: JoinOptions = {},
): Promise<Cluster> {
  const ticket = openTicket(text)
  assertNotExpired(ticket, clock.wallMs())
  await makeDataFolder(folder)
  const present = await clusterStore(folder).loadCharter()
  if (present && present.state.cluster !== ticket.cluster) throw memberAlready(present) // before a use is spent
  const { node, binding } = await loadKeys(folder, clock)
  const transport = await libp2pTransport({ seed: node.exportSeed(), listen: [], logger, clock, carriers })
  await transport.start()
  const failures: string[] = []
  try {
    for (const [peer, addresses] of Map.groupBy(ticket.seeds, (seed) => peerOfAddress(seed) ?? '')) {
      const signal = deadline(clock, limit('dialMs'))
      calling?.(peer, addresses)
      try {
        await transport.connect(addresses, { signal })
      } catch (error) {
        failures.push(`${peer}: ${signal.aborted ? `no answer in ${limit('dialMs')} ms` : (error as Error).message}`)
        continue
      }
      let welcome: WelcomeReply
      try {
        const hello = helloWith(text, ticket, { node, binding }, Math.floor(clock.wallMs()))
        welcome = await sayHello(channel(await transport.open(peer, PROTOCOLS.hello, { signal })), hello, signal)
      } catch (error) {
        if (isLastWord(error)) throw error
        failures.push(`${peer}: ${(error as Error).message}`)
        continue
      }
      const cluster = await Cluster.join({ node, store: clusterStore(folder), clock }, ticket.cluster, peer, welcome)
      await keepAddresses(folder.peers, [...ticket.seeds, ...welcome.peers.flatMap(({ addresses }) => addresses)])
      return cluster
    }
  } finally {
    await transport.stop()
  }
  throw new AividaError({
    code: 'join.no-seed',
    category: 'platform',
    retryable: true,
    message: `no seed of the ticket could be reached (${failures.join('; ')}); check that one is up and that UDP or TCP gets through; the inviter may have restarted elsewhere: ask for a new ticket`,
  })
}

/** Whether every seed would say the same: that this ticket, or this node, is not let in. */
function isLastWord(error: unknown): boolean {
  return isAividaError(error) && /^(ticket|membership|binding)\./.test(error.code)
}

function helloWith(
  text: string,
  { cluster, role }: Ticket,
  { node, binding }: Pick<NodeKeys, 'node' | 'binding'>,
  admittedWallMs: number,
): Hello {
  const own = { cluster, node: peerIdOf(node.publicKey), role, admittedWallMs }
  const request = signMembership({ ...own, ...(binding && { binding }) }, node)
  return {
    versions: [...PROTOCOL_VERSIONS],
    software: SOFTWARE,
    cluster,
    ticket: text,
    request: request.document,
    charterLength: 0,
  }
}

function clusterStore({ cluster }: DataFolder): ClusterStore {
  return new ClusterStore(systemDisk, cluster)
}
