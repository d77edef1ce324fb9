/** What is known of each layer of TensorFlow.js: its settings, its weights and the values it makes. A file per family. */
import type { LayerRule } from '../building.ts'
import { ACTIVATION } from './activation.ts'
import { CONVOLUTION } from './convolution.ts'
import { DENSE } from './dense.ts'
import { MERGING } from './merging.ts'
import { NORMALIZATION } from './normalization.ts'
import { POOLING } from './pooling.ts'
import { SHAPING } from './shaping.ts'

/** Every layer that is imported, one row each, by its class. Models and wrappers are read elsewhere (`topology.ts`). */
export const LAYERS: Readonly<Record<string, LayerRule>> = {
  ...ACTIVATION,
  ...CONVOLUTION,
  ...DENSE,
  ...MERGING,
  ...NORMALIZATION,
  ...POOLING,
  ...SHAPING,
}
