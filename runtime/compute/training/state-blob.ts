import { AividaError, userError } from '../../base/index.ts'
import {
  readSafetensors,
  type SafetensorsSource,
  type StoredTensor,
  safetensorsHead,
} from '../../data/tensor/safetensors.ts'
import type { DType } from '../../data/tensor/tensor.ts'
import type { ChildTraining, TensorSource } from '../engine/index.ts'
import type { StepSignature } from '../graph/training/step-signature.ts'

/** Bytes of a state that are read from its file at once. */
const READ_BYTES = 1 << 20

interface Wanted {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/**
 * The tensors of a safetensors file that a step takes, in the step's order, still in the file. Throws `train.state` for a
 * file that lacks one or has it in another shape, `tensor.malformed`.
 */
export async function tensorsIn<W extends Wanted>(
  file: SafetensorsSource,
  wanted: readonly W[],
): Promise<(W & TensorSource)[]> {
  const stored = new Map((await readSafetensors(file)).map((tensor) => [tensor.name, tensor]))
  return wanted.map((tensor) => {
    const found = stored.get(tensor.name)
    if (!found || found.dtype !== tensor.dtype || String(found.shape) !== String(tensor.shape))
      throw userError(
        'train.state',
        `the step takes ${tensor.name} as ${tensor.dtype} [${tensor.shape}]; the file has ${
          found ? `${found.dtype} [${found.shape}]` : `none, but ${[...stored.keys()].slice(0, 8).join(', ')}`
        }`,
        { tensor: tensor.name },
      )
    return { ...tensor, sizeBytes: found.sizeBytes, content: () => contentOf(file, found) }
  })
}

async function* contentOf(file: SafetensorsSource, { at, sizeBytes }: StoredTensor): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < sizeBytes; offset += READ_BYTES)
    yield await file.read(at + offset, Math.min(READ_BYTES, sizeBytes - offset))
}

/**
 * The present state as a safetensors file, as it comes from the child. Throws `train.diverged` when a number of it is
 * none: such a state is good for nothing, and the next loss would say so too late.
 */
export async function* stateFile(
  { state }: Pick<StepSignature, 'state'>,
  training: ChildTraining,
  step: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield safetensorsHead(state)
  yield* statePieces({ state }, training, step, state.keys(), signal)
}

/** The bytes of some tensors of the present state, by their numbers. Throws as {@link stateFile} does. */
export async function* statePieces(
  { state }: Pick<StepSignature, 'state'>,
  training: ChildTraining,
  step: number,
  which: Iterable<number>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const { tensor, bytes } of training.state(signal, which)) {
    const { name, dtype } = state[tensor]!
    if (dtype === 'float32' && !isFinite32(bytes)) throw notFinite(name, step)
    yield bytes
  }
}

/** Whether no f32 of these bytes is NaN or infinite: their exponents are not all ones (IEEE 754). */
export function isFinite32(bytes: Uint8Array): boolean {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  const words = new Uint32Array(buffer, byteOffset, byteLength >>> 2)
  for (let i = 0; i < words.length; i++) if ((words[i]! & 0x7f80_0000) === 0x7f80_0000) return false
  return true
}

function notFinite(name: string, step: number): AividaError {
  return new AividaError({
    code: 'train.diverged',
    category: 'user',
    message: `after step ${step}, ${name} holds a number that is none (NaN or infinite); lower the learning rate, warm it up, or clip the gradient`,
    facts: { step, tensor: name },
  })
}
