import { Cluster } from '../../runtime/swarm/charter/index.ts'
import { signMembership } from '../../runtime/swarm/charter/membership.ts'
import { SecretKey } from '../../runtime/swarm/identity/index.ts'
import type { Seed } from '../../runtime/swarm/presence/seed.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { checkDisks } from './disk-rules.ts'
import { FaultDriver } from './fault-driver.ts'
import type { Plan } from './plan.ts'
import { Rules } from './rules.ts'
import { SimNetwork } from './sim-network.ts'
import { SimNode } from './sim-node.ts'
import { Trace } from './trace.ts'
import { stackOf, type Violation, World } from './world.ts'

/** How a run ended. */
export interface Outcome {
  readonly violation: Violation | undefined
  /** The run's identity; see {@link Trace}. */
  readonly hash: string
  readonly events: number
  readonly virtualMs: number
  readonly tail: readonly string[]
}

/** Time to set the cluster up in, ms; nothing goes wrong before. */
const SETUP_MS = 60_000

/** Runs a plan from its first event to the last, or to the first rule that is broken. */
export async function simulate(plan: Plan, traceFile?: string): Promise<Outcome> {
  const world = new World(new Trace(traceFile))
  const onRejection = (error: unknown): void => {
    if (world.current?.isAlive) world.violate('no-unhandled-rejection', stackOf(error)) // a real process would have ended
  }
  process.on('unhandledRejection', onRejection)
  try {
    await run(world, plan)
  } finally {
    process.off('unhandledRejection', onRejection)
  }
  const { violation, events, nowMs: virtualMs, trace } = world
  return { violation, hash: trace.end(), events, virtualMs, tail: trace.tail(200) }
}

async function run(world: World, plan: Plan): Promise<void> {
  const names = new Map<string, string>()
  const nameOf = (peer: string) => names.get(peer) ?? 'stranger'
  const rules = new Rules(world, nameOf)
  const network = new SimNetwork(world, plan.seed, plan.quality)
  const seeds: Seed[] = []
  let driver: FaultDriver | undefined
  const around = { seed: plan.seed, world, network, rules, seeds, died: (node: SimNode) => driver?.died(node) }
  const nodes = plan.nodes.map((each, index) => new SimNode(around, index, each))
  for (const node of nodes) {
    names.set(node.peer, node.name)
    network.add(node.peer, node)
  }
  for (const { peer } of nodes.slice(0, 3)) seeds.push({ address: `/memory/${peer}/p2p/${peer}`, source: 'ticket' })
  await settled(world, found(plan.seed, nodes), SETUP_MS)
  globalThis.simulation = rules
  world.nowMs = 0
  driver = new FaultDriver(world, plan, network, nodes)
  driver.start()
  const clients = new Clients(world, plan, nodes)
  const isOver = () =>
    world.nowMs > plan.calmMs &&
    clients.areServed &&
    clients.acknowledged.every(({ job }) => rules.jobs.has(job)) &&
    [...rules.jobs.values()].every(({ state }) => state !== 'running')
  await world.run(plan.endMs, isOver)
  if (!world.violation && !isOver()) world.violate('jobs-end', unfinished(rules, clients))
  const isTogether = () => together(nodes)
  if (!world.violation) await world.run(world.nowMs + 90_000, isTogether)
  if (!world.violation && !isTogether()) world.violate('no-islands', islands(nodes, nameOf))
  driver = undefined
  world.current = undefined
  for (const node of nodes) node.life?.die('the run is over')
  for (const node of nodes) node.disk.powerCut()
  if (!world.violation) await settled(world, checkDisks(world, plan, nodes, rules, clients), 600_000)
  globalThis.simulation = undefined
}

/** Lets the world run until a promise settles. */
async function settled(world: World, promise: Promise<void>, limitMs: number): Promise<void> {
  let isSettled = false
  let failure: unknown
  promise.then(
    () => {
      isSettled = true
    },
    (error) => {
      isSettled = true
      failure = error
    },
  )
  await world.run(world.nowMs + limitMs, () => isSettled)
  if (failure) throw failure
  if (!isSettled && !world.violation) throw new Error(`the simulator itself did not get on within ${limitMs} ms`)
}

/** One cluster, of which every node has its membership on its disk. */
async function found(seed: number, nodes: readonly SimNode[]): Promise<void> {
  const admin = new SecretKey(new Chance(seed, 'admin').random.bytes(32))
  const [first, ...others] = nodes
  const life = first!.fork()
  const cluster = await Cluster.found(first!.membership(life), admin, { name: 'simulated', admission: 'ticket' })
  const { genesis, updates, state } = cluster.charter
  for (const node of others) {
    const terms = { cluster: state.cluster, node: node.peer, role: 'member' as const, admittedWallMs: 0 }
    const granted = signMembership(terms, first!.key).document
    const welcome = { genesis, updates: [...updates], membership: cluster.own.document, granted }
    await Cluster.join(node.membership(node.fork()), state.cluster, first!.peer, welcome)
  }
  for (const node of nodes) node.life?.die('it is installed')
}

/** Whether every node that runs is reached from every other one, over nodes that take each other for alive. */
function together(nodes: readonly SimNode[]): boolean {
  const live = nodes.filter(({ hasLeft }) => !hasLeft)
  if (live.some(({ running }) => !running)) return false
  const byPeer = new Map(live.map((node) => [node.peer, node]))
  const reached = new Set(live.slice(0, 1))
  for (const node of reached)
    for (const { peer, state } of node.running!.swarm.members()) {
      const other = byPeer.get(peer)
      if (other && state === 'alive') reached.add(other)
    }
  return reached.size === live.length
}

function islands(nodes: readonly SimNode[], nameOf: (peer: string) => string): string {
  return nodes
    .filter(({ hasLeft }) => !hasLeft)
    .map(({ name, running }) => {
      const known = running?.swarm.members().map(({ peer, state }) => `${nameOf(peer)} ${state}`)
      return `${name} sees ${known?.join(', ') ?? 'nobody: it does not run'}`
    })
    .join('; ')
}

function unfinished(rules: Rules, clients: Clients): string {
  const running = [...rules.jobs.values()].filter(({ state }) => state === 'running')
  const lines = running.map(({ job, rows, shards }) => `${job} runs: ${JSON.stringify({ rows, shards })}`)
  for (const { job } of clients.acknowledged)
    if (!rules.jobs.has(job)) lines.push(`${job} was taken and never heard of`)
  if (!clients.areServed) lines.push('a client was never served')
  return lines.join('; ')
}

declare global {
  /** What the patched machines of this process tell; see `WATCHING`. */
  var simulation: Rules | undefined
}
