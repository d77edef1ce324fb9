import type * as Core from '@tensorflow/tfjs-core'
import { userError } from '../../runtime/base/errors.ts'
import type { TfjsModel } from '../../runtime/compute/graph/import/tfjs/artifacts.ts'
import { importTfjs } from '../../runtime/compute/graph/import/tfjs/index.ts'
import type { NamedTensors } from '../../runtime/data/tensor/index.ts'
import { isTfjsModel } from './model-input.ts'
import { loadTf } from './packages.ts'

/** Gives a live model the weights of a trained state. Throws `input.model`, `tfjs.*`, `graph.state`. */
export async function setTfjsWeights(model: TfjsModel, state: NamedTensors): Promise<void> {
  const live = model as Partial<{ setWeights(weights: readonly Core.Tensor[]): void }>
  if (!isTfjsModel(model) || typeof live.setWeights !== 'function')
    throw userError('input.model', 'expected a Layers model of TensorFlow.js, such as tf.sequential() makes')
  const { toTfjsWeights } = await importTfjs(model)
  const tf = loadTf()
  const weights = toTfjsWeights(state).map(({ values, shape }) => tf.tensor(values, [...shape]))
  live.setWeights(weights)
  tf.dispose(weights) // it keeps values of its own
}
