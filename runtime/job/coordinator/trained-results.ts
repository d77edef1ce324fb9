import { type Digest, peerError } from '../../base/index.ts'
import { decodeTensors, typedArrayOf } from '../../data/tensor/index.ts'
import {
  type BlobRef,
  type Checkpoint,
  isReplica,
  type Receipt,
  type ReplicaShard,
  type ShardSpec,
  type TrainShard,
} from '../../protocol/index.ts'

/** How outputs that an evaluation gave are told from those of the steps. */
export const VALIDATION = 'validation.'

/** Of names of measurements that a checkpoint holds; the journal would refuse others, and the job would end by it. */
const NAME_CHARACTERS = 64

/**
 * What a shard of training came to, by its receipt and its metrics: a row for each step, or one of a replica that was
 * measured. Throws `receipt.state` when the receipt names no state, `receipt.metrics` when there are other rows, `tensor.*`.
 */
export function trainedBy(
  spec: TrainShard,
  { state, worker, lease }: Receipt,
  metrics: Uint8Array,
): Omit<Checkpoint, 'step'> {
  if (!state) throw peerError('receipt.state', `the receipt of ${worker} for ${lease}, a training, names no state`)
  const tensors = decodeTensors(metrics)
  const isSnapshot = isReplica(spec) && spec.steps === 0
  const rows = isSnapshot ? 1 : spec.steps
  const wrong = Object.values(tensors).some(
    ({ dtype, shape }) => dtype === 'string' || shape.length !== 1 || shape[0] !== rows,
  )
  if (wrong || !(tensors.loss || isSnapshot))
    throw peerError('receipt.metrics', `${worker} sent metrics for ${lease} that do not have a row for each step`)
  const validation = Object.entries(tensors).flatMap(([name, tensor]): [string, number][] => {
    const value = Number(typedArrayOf(tensor).at(-1))
    const output = name.slice(VALIDATION.length)
    const isKept = name.startsWith(VALIDATION) && output.length <= NAME_CHARACTERS && Number.isFinite(value)
    return isKept ? [[output, value]] : []
  })
  return { state, ...(validation.length > 0 && { validation: Object.fromEntries(validation) }) }
}

/** The state that a result has beside its outputs, and its submitter keeps; that of a replica stays at its worker, but for checkpoints. */
export function stateToBring(spec: ShardSpec | undefined, receipt: Receipt, outputs: Uint8Array): BlobRef | undefined {
  if (spec?.kind !== 'train') return undefined
  const { state } = trainedBy(spec, receipt, outputs)
  return isReplica(spec) && spec.steps > 0 ? undefined : state
}

/** What the state of a result is to be where it is a snapshot of replicas, which others go on from. */
export function snapshotOf(
  spec: ShardSpec | undefined,
  { commitments: [commitment] = [] }: Receipt,
): { readonly shard: ReplicaShard; readonly commitment: Digest } | undefined {
  return spec && isReplica(spec) && spec.steps === 0 && commitment ? { shard: spec, commitment } : undefined
}
