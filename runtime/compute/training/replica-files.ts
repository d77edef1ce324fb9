import { userError } from '../../base/index.ts'
import { elementCount } from '../../data/tensor/check.ts'
import { readSafetensors, type SafetensorsSource, safetensorsHead } from '../../data/tensor/safetensors.ts'
import { DTYPES } from '../../data/tensor/tensor.ts'
import type { Compression, Replica } from '../../protocol/index.ts'
import type { ChildReplica, ChildTraining, Content } from '../engine/index.ts'
import type { StateTensor, StepSignature } from '../graph/training/step-signature.ts'
import type { SharedLayout } from '../update/index.ts'
import { statePieces, tensorsIn } from './state-blob.ts'

/** Before the names of tensors that are the momentum of the outer step, one for each that is trained. */
const OUTER = 'outer/'
/** What compression has left over of all updates so far, flattened. */
const RESIDUAL = 'residual/update'

/** What a replica's files are made from. */
export interface ReplicaFileInit {
  readonly signature: Pick<StepSignature, 'state'>
  readonly layout: SharedLayout
  readonly training: ChildTraining
  readonly replica: ChildReplica
  readonly mode: Replica['mode']
  /** Of its updates. */
  readonly compression: Compression
  /** Steps that led here: for messages. */
  readonly step: number
  readonly signal?: AbortSignal
}

/**
 * The shared state as a checkpoint that other tools read: all tensors of the step's state, and the momentum of the outer
 * step as `outer/NAME`. A replica that begins from it goes on to the same bits. Throws `train.diverged`.
 */
export async function* snapshotFile(init: ReplicaFileInit): AsyncGenerator<Uint8Array> {
  const { signature, layout, training, replica, step, mode, signal } = init
  const hasMomentum = mode === 'local'
  yield safetensorsHead([...signature.state, ...(hasMomentum ? momentumTensors(layout) : [])])
  yield* statePieces(signature, training, step, signature.state.keys(), signal)
  if (hasMomentum) yield* replica.read('momentum', signal)
}

/**
 * What is a replica's own, as a file: the tensors of its optimiser, unless that is shared too, and what compression left
 * over of its updates, unless it leaves nothing. Throws `train.diverged`.
 */
export async function* innerFile(init: ReplicaFileInit): AsyncGenerator<Uint8Array> {
  const { signature, layout, training, replica, step, mode, compression, signal } = init
  const own = ownTensors(signature, mode)
  const isExact = compression.kind === 'f32'
  yield safetensorsHead([...own.map(({ tensor }) => tensor), ...(isExact ? [] : [residualTensor(layout)])])
  const which = own.map(({ index }) => index)
  yield* statePieces(signature, training, step, which, signal)
  if (!isExact) yield* replica.read('residual', signal)
}

/** How large the file of an inner state is at most, or of a snapshot: its tensors. Bytes. */
export function fileBytes(
  { signature, layout }: Pick<ReplicaFileInit, 'signature' | 'layout'>,
  which: 'inner' | 'snapshot',
) {
  const tensors =
    which === 'inner'
      ? [...ownTensors(signature, 'local').map(({ tensor }) => tensor), residualTensor(layout)]
      : [...signature.state, ...momentumTensors(layout)]
  return tensors.reduce((sum, { dtype, shape }) => sum + DTYPES[dtype] * elementCount(shape), 0)
}

/** The momentum of the outer step in a snapshot; `undefined` in the file of another checkpoint, which has none yet. */
export async function momentumIn(file: SafetensorsSource, layout: SharedLayout): Promise<Content | undefined> {
  const stored = await readSafetensors(file)
  if (!stored.some(({ name }) => name.startsWith(OUTER))) return undefined
  const tensors = await tensorsIn(file, momentumTensors(layout))
  return {
    sizeBytes: tensors.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    async *content(signal) {
      for (const { content } of tensors) yield* content(signal)
    },
  }
}

/** The tensors of an optimiser, by their numbers in the state, and the residual where the file has one. */
export interface InnerState {
  readonly tensors: readonly (Content & { readonly tensor: number })[]
  readonly residual: Content | undefined
}

/** What is a replica's own in an inner file, or in the file of a whole state. Throws `train.state`, `tensor.malformed`. */
export async function innerIn(
  file: SafetensorsSource,
  signature: Pick<StepSignature, 'state'>,
  layout: SharedLayout,
  mode: Replica['mode'],
): Promise<InnerState> {
  const own = ownTensors(signature, mode)
  const found = await tensorsIn(
    file,
    own.map(({ tensor }) => tensor),
  )
  const stored = await readSafetensors(file)
  const [residual] = stored.some(({ name }) => name === RESIDUAL) ? await tensorsIn(file, [residualTensor(layout)]) : []
  return { tensors: found.map((each, i) => ({ ...each, tensor: own[i]!.index })), residual }
}

/** The names that a snapshot adds are its own. Throws `rounds.state` for a step that has one of them. */
export function checkReplicaNames({ state }: Pick<StepSignature, 'state'>): void {
  const taken = state.find(({ name }) => name.startsWith(OUTER) || name === RESIDUAL)
  if (taken)
    throw userError('rounds.state', `a tensor of the state is called ${taken.name}, which rounds use; rename the layer`)
}

/** Tensors that each replica has for itself, and their numbers in the state: with gradients the optimiser is shared. */
function ownTensors(
  { state }: Pick<StepSignature, 'state'>,
  mode: Replica['mode'],
): { tensor: StateTensor; index: number }[] {
  if (mode === 'gradient') return []
  return state.map((tensor, index) => ({ tensor, index })).filter(({ tensor }) => tensor.role === 'optimizer')
}

/** Of each tensor that is trained, the momentum of the outer step in a snapshot, in the layout's order. */
export function momentumTensors({ tensors, length, plain }: SharedLayout) {
  return tensors
    .filter(({ offset }) => offset < length - plain)
    .map(({ name, shape }) => ({ name: `${OUTER}${name}`, dtype: 'float32', shape }) as const)
}

function residualTensor({ length, plain }: SharedLayout) {
  return { name: RESIDUAL, dtype: 'float32', shape: [length - plain] } as const
}
