/** What is known of each operator: its shapes, its gradient and its cost. A file per family. */
import type { Operator } from '../build/operator.ts'
import { ACTIVATION } from './activation.ts'
import { ARITHMETIC } from './arithmetic.ts'
import { COMPARISON } from './comparison.ts'
import { CONVOLUTION } from './convolution.ts'
import { INDEXING } from './indexing.ts'
import { LAYOUT } from './layout.ts'
import { MATRIX } from './matrix.ts'
import { NORMALIZATION } from './normalization.ts'
import { POOLING } from './pooling.ts'
import { REDUCTION } from './reduction.ts'
import { RESIZE } from './resize.ts'
import { ROUNDING } from './rounding.ts'
import { SCATTER } from './scatter.ts'
import { SOFTMAX } from './softmax.ts'
import { TRIGONOMETRY } from './trigonometry.ts'

/** Every operator that graphs are built of, one row each, by name. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  ...ACTIVATION,
  ...ARITHMETIC,
  ...COMPARISON,
  ...CONVOLUTION,
  ...INDEXING,
  ...LAYOUT,
  ...MATRIX,
  ...NORMALIZATION,
  ...POOLING,
  ...REDUCTION,
  ...RESIZE,
  ...ROUNDING,
  ...SCATTER,
  ...SOFTMAX,
  ...TRIGONOMETRY,
}
