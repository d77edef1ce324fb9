import { userError } from '../../base/errors.ts'
import { elementCount } from '../../data/tensor/check.ts'
import { CHUNK } from './compressors.ts'

/** A tensor of a step's state, as a step's signature names it. */
interface StateTensor {
  readonly name: string
  readonly dtype: 'float32' | 'int64'
  readonly shape: readonly number[]
  readonly role: 'parameter' | 'adapter' | 'statistic' | 'optimizer'
}

/** Where a tensor of the shared state is. */
export interface SharedTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Its number in the step's state. */
  readonly index: number
  /** Elements before it, and its own. */
  readonly offset: number
  readonly length: number
}

/** The shared state of replicas, flattened: what is trained, in the signature's order, then the statistics. */
export interface SharedLayout {
  readonly tensors: readonly SharedTensor[]
  /** Elements in all, f32. */
  readonly length: number
  /** Statistics among them, the last ones. */
  readonly plain: number
}

/**
 * Which tensors of a step's state its replicas share, and where they are. Throws `rounds.state` for a step that trains
 * nothing, or shares tensors that are not f32.
 */
export function layoutOf({ state }: { readonly state: readonly StateTensor[] }): SharedLayout {
  const tensors: SharedTensor[] = []
  let length = 0
  const add = (isShared: (role: StateTensor['role']) => boolean) => {
    for (const [index, { name, dtype, shape, role }] of state.entries()) {
      if (!isShared(role)) continue
      if (dtype !== 'float32')
        throw userError('rounds.state', `expected f32 tensors where many train one model, found ${name} as ${dtype}`, {
          tensor: name,
        })
      tensors.push({ name, shape, index, offset: length, length: elementCount(shape) })
      length += elementCount(shape)
    }
  }
  add((role) => role === 'parameter' || role === 'adapter')
  const trained = length
  if (trained === 0)
    throw userError('rounds.state', 'expected a step that trains something, found none in its state; unfreeze a layer')
  add((role) => role === 'statistic')
  return { tensors, length, plain: length - trained }
}

/**
 * Where the slices of a flattened state end, each as long as the others within 4,096 elements: cut at multiples of that,
 * the last one has the statistics too. Fewer than asked for where there are not so many chunks.
 */
export function sliceEnds(length: number, plain: number, slices: number): number[] {
  const chunks = Math.ceil((length - plain) / CHUNK)
  const count = Math.max(1, Math.min(slices, chunks))
  return Array.from({ length: count }, (_, i) =>
    i === count - 1 ? length : Math.floor(((i + 1) * chunks) / count) * CHUNK,
  )
}
