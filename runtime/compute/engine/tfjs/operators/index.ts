/** What TensorFlow.js does for each operator of ONNX: one row each, a file a family. */
import { COMPARISON } from './comparison.ts'
import { CONVOLUTION } from './convolution.ts'
import { ELEMENTWISE } from './elementwise.ts'
import { INDEXING } from './indexing.ts'
import { LAYOUT } from './layout.ts'
import { MATRIX } from './matrix.ts'
import { NORMALIZATION } from './normalization.ts'
import { POOLING } from './pooling.ts'
import { REDUCTION } from './reduction.ts'
import { RESIZING } from './resizing.ts'
import type { Rows } from './row.ts'
import { SLICING } from './slicing.ts'

/** By operator of ONNX's own domain. */
export const OPERATORS: Rows = {
  ...COMPARISON,
  ...CONVOLUTION,
  ...ELEMENTWISE,
  ...INDEXING,
  ...LAYOUT,
  ...MATRIX,
  ...NORMALIZATION,
  ...POOLING,
  ...REDUCTION,
  ...RESIZING,
  ...SLICING,
}
