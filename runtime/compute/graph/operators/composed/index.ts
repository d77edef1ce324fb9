/**
 * Operators that are built of others: those that opset 18 or some engine lacks, and those that are plain short forms.
 * Their gradients and costs are those of their parts. A file per family.
 */
import type { Composite } from '../../build/operator.ts'
import { COMPOSED_ACTIVATION } from './activation.ts'
import { COMPOSED_ARITHMETIC } from './arithmetic.ts'
import { COMPOSED_LAYOUT } from './layout.ts'
import { COMPOSED_NORMALIZATION } from './normalization.ts'
import { COMPOSED_POOLING } from './pooling.ts'
import { PORTABLE } from './portable.ts'
import { RESIZE } from './resize.ts'

/** How each of them is built, by name. */
export const COMPOSITES: Readonly<Record<string, Composite>> = {
  ...COMPOSED_ACTIVATION,
  ...COMPOSED_ARITHMETIC,
  ...COMPOSED_LAYOUT,
  ...COMPOSED_NORMALIZATION,
  ...COMPOSED_POOLING,
  ...PORTABLE,
  ...RESIZE,
}
