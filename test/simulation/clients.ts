import { newJobId } from '../../runtime/job/coordinator/index.ts'
import { Chance } from './chance.ts'
import type { JobPlan, Plan } from './plan.ts'
import type { SimNode } from './sim-node.ts'
import type { World } from './world.ts'

/** A client asks again after this, ms. */
const ASK_MS = 500

/** A job that a client was told is taken. */
export interface Acknowledged {
  readonly job: string
  readonly node: SimNode
  readonly plan: JobPlan
}

/** Who submits jobs: each asks until its node says that the job is taken, and never again. */
export class Clients {
  readonly acknowledged: Acknowledged[] = []
  readonly #world: World
  readonly #chance: Chance
  #waiting = 0

  constructor(world: World, plan: Plan, nodes: readonly SimNode[]) {
    this.#world = world
    this.#chance = new Chance(plan.seed, 'clients')
    for (const job of plan.jobs) {
      this.#waiting++
      world.after(job.atMs, () => this.#ask(nodes[job.submitter]!, job))
    }
  }

  /** Whether every job was taken. */
  get areServed(): boolean {
    return this.#waiting === 0
  }

  #ask(node: SimNode, plan: JobPlan): void {
    const later = () => void this.#world.after(ASK_MS, () => this.#ask(node, plan))
    const { life, running, isStalled } = node
    if (!life || !running || isStalled) {
      later()
      return
    }
    const job = newJobId(this.#chance.random)
    let isAnswered = false
    this.#world.current = life
    node.submit(job, plan).then(
      () => {
        if (!life.isAlive) return
        isAnswered = true
        this.#waiting--
        this.acknowledged.push({ job, node, plan })
        this.#world.note('event', `job ${job} is taken: ${plan.rows} rows`, node)
      },
      (error) => {
        if (!life.isAlive) return
        isAnswered = true
        this.#world.note('event', `job ${job} is refused: ${error}`, node)
        later()
      },
    )
    const watch = (): void => {
      if (isAnswered) return
      if (life.isAlive) this.#world.after(ASK_MS, watch)
      else later() // it may have been taken or not: the client cannot know, and asks for another
    }
    watch()
  }
}
