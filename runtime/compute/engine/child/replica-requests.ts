import { assertNever, peerError } from '../../../base/errors.ts'
import { aggregate } from '../../update/index.ts'
import { SplitStepper } from '../split-stepper.ts'
import { protocol } from './frame.ts'
import { GradientReplica } from './gradient-replica.ts'
import { type Reply, type Request, scalarsOf, taker } from './messages.ts'
import { Replica } from './replica.ts'
import type { Answer, Asked, Training } from './training-requests.ts'

/** Requests that are about a replica. */
export type ReplicaRequest = Asked<'begin-replica' | 'merge' | 'contribute' | 'restore' | 'read-replica'>

const DONE: Answer = [{ op: 'training' }, []]

/** Does what is asked of a training that is, or becomes, a replica; what it throws is the answer too. */
export async function replicate(
  training: Training,
  request: ReplicaRequest,
  parts: readonly Uint8Array[],
): Promise<Answer> {
  const { stepper } = training
  if (request.op === 'begin-replica') {
    const { shared, plain } = request
    const [momentum] = taken(parts, request.momentum ? 1 : 0)
    if (stepper instanceof SplitStepper) {
      if (momentum || String(shared) !== String(stepper.shared)) throw protocol('gradients of what is shared, in order')
      training.replica = new GradientReplica(stepper, plain)
    } else training.replica = new Replica({ stepper, shared, plain, ...(momentum && { momentum }) })
    return DONE
  }
  const { replica } = training
  if (!replica) throw protocol('a replica that was begun')
  switch (request.op) {
    case 'merge': {
      const slices = request.ends.length
      const updates = taken(parts, request.rounds * slices)
      const rounds = Array.from({ length: request.rounds }, (_, i) => updates.slice(i * slices, (i + 1) * slices))
      const commitment =
        replica instanceof Replica
          ? replica.merge(rounds, request)
          : await replica.merge(rounds, { ...request, scalars: (request.scalars ?? []).map(scalarsOf) })
      return [{ op: 'merged', commitment }, []]
    }
    case 'contribute':
      return [{ op: 'updates' }, replica.contribute(request)]
    case 'restore': {
      const count = request.tensors.length
      const given = taken(parts, count + (request.residual ? 1 : 0))
      for (const [i, tensor] of request.tensors.entries()) {
        const bytes = given[i]!
        if (stepper.state()[tensor]?.data.byteLength !== bytes.byteLength) throw protocol('a tensor of the state')
        stepper.write(tensor, bytes)
      }
      replica.restore(given[count])
      return DONE
    }
    case 'read-replica': {
      const bytes = replica.read(request.what)
      if (request.offset + request.length > bytes.byteLength) throw protocol('a place within the replica')
      return [{ op: 'state' }, [bytes.subarray(request.offset, request.offset + request.length)]]
    }
    default:
      return assertNever(request)
  }
}

/** One update of several. Throws `update.*`. */
export function reduceUpdates(
  request: Extract<Request, { op: 'reduce' }>,
  parts: readonly Uint8Array[],
): [Reply, readonly Uint8Array[]] {
  const { contributions, length, plain, residual: goesOn } = request
  const given = taken(parts, contributions.length + (goesOn ? 1 : 0))
  const left = given[contributions.length]
  if (left && left.byteLength !== 4 * (length - plain))
    throw peerError(
      'update.malformed',
      `expected what was left over of ${length - plain} elements, found ${left.byteLength} bytes`,
    )
  const { update, residual } = aggregate({
    ...request,
    contributions: contributions.map((each, i) => ({ ...each, bytes: given[i]! })),
    residual: left && new Float32Array(left.buffer, left.byteOffset, left.byteLength / 4),
  })
  return [{ op: 'updates' }, residual ? [update, new Uint8Array(residual.buffer)] : [update]]
}

function taken(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  const take = taker(parts)
  const some = take(count)
  take.end()
  return some
}
