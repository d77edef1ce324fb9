import { userError } from '../../base/index.ts'
import {
  checkTensors,
  commonRowCount,
  digestOfTensors,
  type NamedTensors,
  sliceRows,
  type Tensor,
} from '../tensor/index.ts'
import { columnMissing, wrongDtype } from './refusals.ts'
import { rowShape, withRowShape } from './row-shape.ts'
import type { TensorSpec } from './signature.ts'
import type { Loader } from './source.ts'

/**
 * Tensors in memory, one per input, whose axis 0 is the rows; batches are views of them.
 * Throws `source.column-missing`, `source.dtype`, `source.shape`, `source.empty`, and what `checkTensors` throws.
 */
export function tensorsLoader(tensors: NamedTensors, inputs: readonly TensorSpec[]): Loader {
  checkTensors(tensors)
  const fed = Object.fromEntries(inputs.map((spec) => [spec.name, inputRows(spec, tensors)]))
  const rows = commonRowCount(fed)
  if (rows === 0) throw userError('source.empty', 'the tensors have no rows; give at least one')
  return {
    format: 'tensors',
    rows,
    identity: digestOfTensors(fed),
    async *pieces(fromRow) {
      if (fromRow >= rows) return
      const rest = Object.entries(fed).map(([name, tensor]) => [name, sliceRows(tensor, fromRow, rows)])
      yield { rows: rows - fromRow, tensors: Object.fromEntries(rest) }
    },
    close: async () => {},
  }
}

function inputRows(spec: TensorSpec, tensors: NamedTensors): Tensor {
  const where = 'tensors in memory'
  const tensor = Object.hasOwn(tensors, spec.name) ? tensors[spec.name] : undefined
  if (!tensor) throw columnMissing(spec, Object.keys(tensors), where)
  if (tensor.dtype !== spec.dtype) throw wrongDtype(spec, tensor.dtype, where)
  return withRowShape(tensor, rowShape(spec, tensor.shape.slice(1), where))
}
