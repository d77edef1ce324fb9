import { inputsOf, type Lease } from '../../protocol/index.ts'
import type { Held, WorkerState } from './state.ts'

/** Shards that go to an engine in one call take about this long together: a result waits no longer for the others. */
const GROUP_MS = 25
const GROUP_LEASES = 64
/** Inputs of one group; larger shards take so long that the way to the engine does not count. Bytes. */
const GROUP_BYTES = 1 << 20
/** How far one measurement moves what is known of a job. */
const WEIGHT = 0.5
/** Jobs whose pace is remembered. */
const PACES = 256

/** The job's shards take this long each in the engine, as was last seen here. */
export function notePace({ paces }: WorkerState, job: string, ms: number): void {
  const known = paces.get(job)
  paces.delete(job) // re-inserted last: the map drops whom it has not heard of longest
  paces.set(job, known === undefined ? ms : known + (ms - known) * WEIGHT)
  if (paces.size > PACES) paces.delete(paces.keys().next().value as string)
}

/**
 * The leases to run in one engine call, from a ready one on: of one job, model and account, on one device, so many as
 * their pace allows. One that was with a group whose call failed goes alone, since nobody knows which of them it was.
 */
export function groupFrom(state: WorkerState, first: Held): Held[] {
  const pace = state.paces.get(first.lease.job)
  const isShort = pace !== undefined && !first.alone && first.lease.spec.kind === 'infer'
  const most = !isShort ? 1 : Math.min(GROUP_LEASES, Math.floor(GROUP_MS / pace))
  const group = [first]
  let bytes = inputsOf(first.lease.spec)?.sizeBytes ?? 0
  if (most <= 1) return group
  for (const held of state.held.values()) {
    if (held === first || held.phase !== 'ready' || held.alone || !sameCall(first.lease, held.lease)) continue
    bytes += inputsOf(held.lease.spec)?.sizeBytes ?? 0
    if (bytes > GROUP_BYTES) break
    group.push(held)
    if (group.length === most) break
  }
  return group
}

/** Whether one session of one engine child serves both. */
function sameCall(a: Lease, b: Lease): boolean {
  if (
    a.spec.kind !== 'infer' ||
    b.spec.kind !== 'infer' ||
    a.job !== b.job ||
    a.device !== b.device ||
    a.account !== b.account
  )
    return false
  const [mine, other] = [a.spec.model, b.spec.model]
  return (
    mine.graph.blob === other.graph.blob &&
    mine.weights.length === other.weights.length &&
    mine.weights.every(({ name, blob }, i) => name === other.weights[i]!.name && blob === other.weights[i]!.blob)
  )
}
