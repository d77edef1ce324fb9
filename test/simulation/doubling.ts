import { type Clock, peerError, sha256, sleep } from '../../runtime/base/index.ts'
import { writeParts } from '../../runtime/data/sources/index.ts'
import { type NamedTensors, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'
import type { Computed } from '../../runtime/job/worker/index.ts'
import { EngineHost, type EngineHostInit } from '../../runtime/node/hosts/engine-host.ts'
import type { Lease } from '../../runtime/protocol/index.ts'
import { memoryDisk } from '../support/memory-disk.ts'
import { numbers } from '../support/row-source.ts'
import type { Chance } from './chance.ts'
import type { NodePlan } from './plan.ts'

/** The engine's stand-in: doubles its input, in the time that its machine takes, and fails where the plan says so. */
export class DoublingEngine extends EngineHost {
  readonly #clock: Clock
  readonly #plan: NodePlan
  readonly #chance: Chance

  constructor(init: EngineHostInit, plan: NodePlan, chance: Chance) {
    super(init)
    this.#clock = init.clock
    this.#plan = plan
    this.#chance = chance
  }

  override async reduce(...[, , slice, signal]: Parameters<EngineHost['reduce']>): ReturnType<EngineHost['reduce']> {
    await sleep(this.#clock, this.#chance.between(...this.#plan.computeMs) / 4, signal)
    if (this.#chance.happens(this.#plan.failing)) throw peerError('engine.failed', 'the engine of this node is broken')
    const given = [...slice.contributions.map(({ bytes }) => bytes), ...(slice.residual ? [slice.residual] : [])]
    const update = Buffer.from(sha256(Buffer.concat(given)))
    return { update, residual: Buffer.from(`left over of ${update}`) }
  }

  override async compute(
    leases: readonly Lease[],
    _slot: number,
    inputs: readonly NamedTensors[],
    signal: AbortSignal,
  ): Promise<Computed> {
    const startMs = this.#clock.monoMs()
    await sleep(this.#clock, this.#chance.between(...this.#plan.computeMs) * leases.length, signal)
    const results = inputs.map(({ x }) => {
      if (this.#chance.happens(this.#plan.failing))
        return { error: peerError('engine.failed', 'the engine of this node is broken') }
      const values = (typedArrayOf(x!) as Float32Array).map((value) => 2 * value)
      return { outputs: { y: tensorOf(values, x!.shape) } }
    })
    return { results, computeMs: this.#clock.monoMs() - startMs }
  }
}

const hashes = new Map<string, Promise<string>>()

/** The SHA-256 that a part's file has to have. */
export function rightPart(firstRow: number, rows: number, width: number, index: number): Promise<string> {
  const key = `${firstRow} ${rows} ${width}`
  let known = hashes.get(key)
  if (!known) {
    const part = { index, firstRow, rows, tensors: { y: numbers(firstRow, rows, width, 2) } }
    known = writeParts('/right', [part], memoryDisk()).then(([written]) => written!.sha256)
    hashes.set(key, known)
  }
  return known
}
