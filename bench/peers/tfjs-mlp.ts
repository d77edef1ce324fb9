import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import type { NamedTensors, Tensor } from '../../runtime/data/tensor/tensor.ts'

/** What TF.js trains from, and on what. */
export interface TfjsMlpInit {
  /** Weights `[in, out]` and biases, in turn. */
  readonly parameters: readonly Tensor[]
  /** Pictures `[batch, 28, 28] u8` and labels: what steps go round. */
  readonly batches: readonly NamedTensors[]
  readonly learningRate: number
}

/**
 * The MLP step in TF.js on its wasm backend: SIMD, one thread (its threads fail in Node). Written with its core API, which
 * spares it what its layers cost. Convolutions cannot be trained on this backend: it has no gradient of their filters.
 */
export class TfjsMlp {
  static readonly version = tf.version.tfjs
  readonly #weights: readonly tf.Variable<tf.Rank.R2>[]
  readonly #biases: readonly tf.Variable<tf.Rank.R1>[]
  readonly #batches: readonly { readonly inputs: tf.Tensor2D; readonly labels: tf.Tensor2D }[]
  readonly #optimiser: tf.Optimizer
  #next = 0

  private constructor({ parameters, batches, learningRate }: TfjsMlpInit) {
    const variables = parameters.map(({ data, shape }) => tf.variable(tf.tensor(floats(data), [...shape])))
    this.#weights = variables.filter(({ rank }) => rank === 2) as tf.Variable<tf.Rank.R2>[]
    this.#biases = variables.filter(({ rank }) => rank === 1) as tf.Variable<tf.Rank.R1>[]
    this.#batches = batches.map(({ images, labels }) => ({
      inputs: tf.tensor2d(
        Float32Array.from(images!.data, (byte) => byte / 255),
        [images!.shape[0]!, 784],
      ),
      labels: tf.oneHot(tf.tensor1d(Int32Array.from(labels!.data), 'int32'), 10) as tf.Tensor2D,
    }))
    this.#optimiser = tf.train.sgd(learningRate)
  }

  /** Throws where the backend does not start: TF.js would go on without it. */
  static async start(init: TfjsMlpInit): Promise<TfjsMlp> {
    const main = fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm'))
    setWasmPaths(`${dirname(main)}/`)
    if (!(await tf.setBackend('wasm'))) throw new Error('the wasm backend of TF.js does not start')
    return new TfjsMlp(init)
  }

  /** Losses are those before each update. */
  async steps(count: number): Promise<{ readonly seconds: number; readonly losses: readonly number[] }> {
    const losses: number[] = []
    const start = performance.now()
    for (let i = 0; i < count; i++) {
      const { inputs, labels } = this.#batches[this.#next++ % this.#batches.length]!
      const loss = this.#optimiser.minimize(() => this.#loss(inputs, labels), true)!
      losses.push(loss.dataSync()[0]!)
      loss.dispose()
    }
    return { seconds: (performance.now() - start) / 1_000, losses }
  }

  #loss(inputs: tf.Tensor2D, labels: tf.Tensor2D): tf.Scalar {
    let x = inputs
    for (const [i, weight] of this.#weights.entries()) {
      x = x.matMul(weight).add(this.#biases[i]!)
      if (i < this.#weights.length - 1) x = x.relu()
    }
    return tf.losses.softmaxCrossEntropy(labels, x)
  }
}

function floats({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  return new Float32Array(buffer, byteOffset, byteLength / 4)
}
