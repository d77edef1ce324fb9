import { assertNever } from '../../runtime/base/index.ts'
import type { Fault, Plan } from './plan.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

/** A node whose start failed is started again after this, ms, as systemd does. */
const RESTART_MS = 3_000

/** Does what a plan says goes wrong, and mends everything when calm comes. */
export class FaultDriver {
  readonly #world: World
  readonly #plan: Plan
  readonly #network: SimNetwork
  readonly #nodes: readonly SimNode[]
  readonly #isCalm = () => this.#world.nowMs >= this.#plan.calmMs

  constructor(world: World, plan: Plan, network: SimNetwork, nodes: readonly SimNode[]) {
    this.#world = world
    this.#plan = plan
    this.#network = network
    this.#nodes = nodes
  }

  start(): void {
    for (const node of this.#nodes) this.#world.after(node.plan.startMs, () => this.#boot(node))
    for (const fault of this.#plan.faults) this.#world.after(fault.atMs, () => this.#strike(fault))
    this.#world.after(this.#plan.calmMs, () => this.#calm())
  }

  /** A process has died of whatever it was: somebody starts it again. */
  died(node: SimNode): void {
    const { downMs = RESTART_MS } = node.life!
    if (!node.hasLeft) this.#world.after(this.#isCalm() ? 50 : downMs, () => this.#boot(node))
  }

  #boot(node: SimNode): void {
    if (!node.hasLeft && !node.life?.isAlive) node.boot()
  }

  #strike(fault: Fault): void {
    const { kind, atMs: _, ...facts } = fault
    this.#world.note('fault', `${kind} ${JSON.stringify(facts)}`)
    switch (fault.kind) {
      case 'crash':
        this.#crash(this.#nodes[fault.node]!, fault)
        return
      case 'stall':
        this.#stall(this.#nodes[fault.node]!, fault.forMs)
        return
      case 'cut':
        this.#cut(fault.from, fault.to, fault.bothWays, fault.forMs)
        return
      case 'split':
        this.#split(fault.group, fault.forMs)
        return
      case 'reset':
        this.#network.reset(this.#peer(fault.a), this.#peer(fault.b), fault.apartMs)
        return
      case 'repeat':
        this.#nodes[fault.from]!.repeat(this.#peer(fault.to), fault.messages)
        return
      case 'full':
        this.#fill(this.#nodes[fault.node]!, fault.roomBytes, fault.forMs)
        return
      case 'slow':
        this.#slow(this.#nodes[fault.node]!, fault.factor, fault.forMs)
        return
      case 'jump':
        this.#nodes[fault.node]!.clocks.skewMs += fault.byMs
        return
      case 'leave':
        this.#leave(this.#nodes[fault.node]!)
        return
      default:
        assertNever(fault)
    }
  }

  #crash(node: SimNode, { afterOps, power, downMs }: Extract<Fault, { kind: 'crash' }>): void {
    const { life } = node
    if (!life?.isAlive) return
    life.powerCut = power
    life.downMs = downMs
    life.fuse = afterOps
  }

  #stall(node: SimNode, forMs: number): void {
    node.isStalled = true
    this.#world.after(forMs, () => this.#world.resume(node))
  }

  #cut(from: number, to: number, bothWays: boolean, forMs: number): void {
    const pairs = bothWays ? [[from, to] as const, [to, from] as const] : [[from, to] as const]
    for (const [a, b] of pairs) this.#network.cut(this.#peer(a), this.#peer(b))
    this.#world.after(forMs, () => {
      for (const [a, b] of pairs) this.#network.heal(this.#peer(a), this.#peer(b))
    })
  }

  #split(group: readonly number[], forMs: number): void {
    const others = this.#nodes.map(({ index }) => index).filter((index) => !group.includes(index))
    for (const from of group) for (const to of others) this.#cut(from, to, true, forMs)
  }

  #fill({ disk }: SimNode, roomBytes: number, forMs: number): void {
    disk.faults.roomBytes = roomBytes
    this.#world.after(forMs, () => {
      disk.faults.roomBytes = undefined
    })
  }

  #slow({ disk }: SimNode, factor: number, forMs: number): void {
    disk.faults.slowness = factor
    this.#world.after(forMs, () => {
      disk.faults.slowness = 1
    })
  }

  #leave(node: SimNode): void {
    node.hasLeft = true
    node.life?.die('it leaves for good')
  }

  #calm(): void {
    this.#world.note('fault', 'calm')
    this.#network.healAll()
    for (const node of this.#nodes) {
      node.disk.faults.roomBytes = undefined
      node.disk.faults.slowness = 1
      if (node.isStalled) this.#world.resume(node)
      if (node.life?.isAlive) node.life.fuse = Number.POSITIVE_INFINITY
      this.#boot(node)
    }
  }

  #peer(index: number): string {
    return this.#nodes[index]!.peer
  }
}
