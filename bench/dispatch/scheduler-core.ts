import { initialState, type LeaseOrder, type SchedulerEvent, step } from '../../runtime/job/scheduler/index.ts'
import type { Device } from '../../runtime/protocol/index.ts'
import { digestOf } from './digests.ts'

/** How large a swarm and a job the scheduler is given. */
export interface CoreSize {
  readonly workers: number
  readonly shards: number
}

const DEVICE: Device = {
  id: 'cpu',
  provider: 'cpu',
  model: 'virtual',
  slots: 1,
  memoryBytes: 1 << 30,
  determinismClass: 'virtual',
  exact: true,
  sandboxLevel: 0,
  kinds: ['infer'],
}

/**
 * The scheduler machine alone, from a job's first shard to its last: every lease is accepted and answered in the order
 * of its offer. Milliseconds. Throws when a shard was not finished exactly once.
 */
export function runCore({ workers, shards }: CoreSize): number {
  const state = initialState({ leaseMs: Number.POSITIVE_INFINITY })
  for (let i = 0; i < workers; i++) step(state, { type: 'worker', peer: `peer-${i}`, devices: [DEVICE] }, 0)
  step(
    state,
    {
      type: 'job-opened',
      job: 'job',
      epoch: 1,
      kinds: ['infer'],
      requirements: { provider: 'cpu', memoryBytes: 1 << 20, exact: true },
      maxLeases: shards,
    },
    0,
  )
  const ids = Array.from({ length: shards }, (_, i) => digestOf(i))
  const offers: { peer: string; leases: readonly LeaseOrder[] }[] = []
  const done = new Set<string>()
  const dispatch = (event: SchedulerEvent): void => {
    for (const instruction of step(state, event, 0)) {
      if (instruction.type === 'offer') offers.push(instruction)
      else if (instruction.type === 'result') done.add(instruction.shard)
    }
  }
  const startMs = performance.now()
  dispatch({ type: 'shards', job: 'job', shards: ids })
  let receipts = 0
  for (let at = 0; at < offers.length; at++) {
    const { peer, leases } = offers[at]!
    dispatch({ type: 'accepted', peer, leases: leases.map(({ lease }) => lease) })
    for (const { lease, shard } of leases) {
      dispatch({ type: 'receipt', peer, lease, job: 'job', shard })
      receipts++
    }
  }
  const ms = performance.now() - startMs
  if (done.size !== shards || receipts !== shards)
    throw new Error(`${shards} shards gave ${done.size} results in ${receipts} receipts`)
  return ms
}

/** Slope of log(y) over log(x) by least squares: the exponent of a cost. */
export function exponent(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const mean = (pick: 0 | 1) => logs.reduce((sum, point) => sum + point[pick], 0) / logs.length
  const [mx, my] = [mean(0), mean(1)]
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  return covariance / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
}
