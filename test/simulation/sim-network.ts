import { limit } from '../../runtime/base/index.ts'
import { type MemoryNetwork, memoryNetwork, type Route } from '../../runtime/swarm/transport/index.ts'
import { Chance } from './chance.ts'
import type { Site, World } from './world.ts'

/** How good the lines between the nodes are. */
export interface LineQuality {
  /** One way, ms. */
  readonly latencyMs: readonly [min: number, max: number]
  /** Mean of what queues on the way add, ms. */
  readonly jitterMs: number
  /** Share of the datagrams that are lost. */
  readonly loss: number
}

/** QUIC sends what was lost again after about a round trip and this, ms. */
const RESEND_MS = 25

interface Lane {
  readonly number: number
  readonly underway: (() => void)[]
  arrived: number
  lastAtMs: number
}

/**
 * The production transport in memory over lines that go wrong as those under QUIC do. A lost datagram shows as a stall
 * of its stream; streams overtake each other, and a closing connection overtakes them all; what is underway on a
 * connection that is given up is lost. A line may be cut in one direction alone.
 */
export class SimNetwork {
  readonly memory: MemoryNetwork
  readonly #world: World
  readonly #seed: number
  readonly #quality: LineQuality
  readonly #sites = new Map<string, Site>()
  readonly #lines = new Map<string, Line>()
  #lanes = 0

  constructor(world: World, seed: number, quality: LineQuality) {
    this.#world = world
    this.#seed = seed
    this.#quality = quality
    const { random } = new Chance(seed, 'network')
    this.memory = memoryNetwork({ clock: world.clock(), random, route: (from, to) => this.#line(from, to) })
  }

  /** Tells which machine a peer is. */
  add(peer: string, site: Site): void {
    this.#sites.set(peer, site)
  }

  /** Nothing more gets from one peer to another, not even what is on its way, until {@link heal}. */
  cut(from: string, to: string): void {
    const line = this.#line(from, to)
    if (line.isCut) return
    line.isCut = true
    const cut = ++line.cuts
    // The deaf end gives up first; the other one, whose packets are never acknowledged, an idle time later.
    const giveUp = (idleTimes: number, node: string, peer: string) =>
      this.#world.after(idleTimes * limit('lostAfterMs'), () => {
        if (line.isCut && line.cuts === cut) this.memory.lose(node, peer)
      })
    giveUp(1, to, from)
    giveUp(2, from, to)
  }

  heal(from: string, to: string): void {
    this.#line(from, to).heal()
  }

  healAll(): void {
    for (const line of this.#lines.values()) line.heal()
  }

  /** Both ends lose their connections, `apartMs` after each other: a reboot of the router between them, a new address. */
  reset(a: string, b: string, apartMs: number): void {
    this.memory.lose(a, b)
    this.#world.after(apartMs, () => this.memory.lose(b, a))
  }

  #line(from: string, to: string): Line {
    const key = `${from} ${to}`
    let line = this.#lines.get(key)
    if (!line) {
      const [source, target] = [this.#sites.get(from)!, this.#sites.get(to)!]
      const chance = new Chance(this.#seed, `line ${source.name} ${target.name}`)
      line = new Line(this.#world, chance, this.#quality, source, target, () => ++this.#lanes)
      this.#lines.set(key, line)
    }
    return line
  }
}

/** One direction between two machines. */
class Line implements Route {
  isCut = false
  cuts = 0
  readonly #world: World
  readonly #chance: Chance
  readonly #quality: LineQuality
  readonly #source: Site
  readonly #target: Site
  readonly #number: () => number
  readonly #baseMs: number
  readonly #lanes = new WeakMap<object, Lane>()
  readonly #held = new Set<Lane>()

  constructor(world: World, chance: Chance, quality: LineQuality, source: Site, target: Site, number: () => number) {
    this.#world = world
    this.#chance = chance
    this.#quality = quality
    this.#source = source
    this.#target = target
    this.#number = number
    this.#baseMs = chance.between(...quality.latencyMs)
  }

  send(arrive: () => void, lane: object, after?: object): void {
    if (!this.#source.life?.act()) return // a dead process sends nothing
    const { nowMs } = this.#world
    const mine = this.#lane(lane)
    const others = after ? this.#lane(after).lastAtMs : 0
    mine.lastAtMs = Math.max(mine.lastAtMs, others, nowMs + this.#delayMs())
    mine.underway.push(arrive)
    this.#world.after(
      mine.lastAtMs - nowMs,
      () => {
        mine.arrived++
        this.#deliver(mine)
      },
      this.#target,
    )
  }

  heal(): void {
    if (!this.isCut) return
    this.isCut = false
    for (const lane of this.#held) this.#world.after(this.#delayMs(), () => this.#deliver(lane), this.#target)
    this.#held.clear()
  }

  #deliver(lane: Lane): void {
    if (this.isCut) {
      this.#held.add(lane)
      return
    }
    for (; lane.arrived > 0; lane.arrived--) {
      this.#world.note('io', `net from ${this.#source.name} lane ${lane.number}`, this.#target)
      lane.underway.shift()!()
    }
  }

  #delayMs(): number {
    const { jitterMs, loss } = this.#quality
    let delayMs = this.#baseMs + this.#chance.rarely(jitterMs)
    for (let tries = 0; tries < 6 && this.#chance.happens(loss); tries++)
      delayMs += (2 * this.#baseMs + RESEND_MS) * 2 ** tries
    return delayMs
  }

  #lane(key: object): Lane {
    let lane = this.#lanes.get(key)
    if (!lane) {
      lane = { number: this.#number(), underway: [], arrived: 0, lastAtMs: 0 }
      this.#lanes.set(key, lane)
    }
    return lane
  }
}
