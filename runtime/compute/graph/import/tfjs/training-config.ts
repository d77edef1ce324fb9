import { z } from 'zod'
import { userError } from '../../../../base/index.ts'
import { adam } from '../../training/adam.ts'
import type { Loss } from '../../training/loss.ts'
import type { Optimizer } from '../../training/optimizer.ts'
import { sgd } from '../../training/sgd.ts'
import { invalid, parsed, readArtifacts, type TfjsArtifacts, type TfjsModel } from './artifacts.ts'
import { LOSSES } from './losses.ts'

/** How a model was compiled, for `trainingStep`. */
export interface TfjsTraining {
  /** Of one output: with its metrics. Of several: their sum. */
  readonly loss: Loss
  /** Begins anew: what the optimiser of TensorFlow.js had gathered is not taken over. */
  readonly optimizer: Optimizer
  readonly learningRate: number
}

/** Where the loss finds what it compares. */
export interface TfjsTrainingOptions {
  /** Names of the model's outputs, as the network gives them (see `ImportedTfjs.outputs`), in their order. */
  readonly outputs: readonly string[]
  /** Columns of what is right, one an output. Default: `labels` for one output. */
  readonly labels?: readonly string[]
}

const configSchema = z.looseObject({
  loss: z.union([z.string(), z.array(z.string()), z.record(z.string(), z.string())]),
  optimizer_config: z.looseObject({ class_name: z.string(), config: z.record(z.string(), z.unknown()) }),
})

/** Settings of optimisers, their names without underscores and capitals: Keras and TensorFlow.js write them otherwise. */
const settingsSchema = z.looseObject({
  learningrate: z.number(),
  momentum: z.number().default(0),
  usenesterov: z.boolean().default(false),
  nesterov: z.boolean().default(false),
  beta1: z.number().default(0.9),
  beta2: z.number().default(0.999),
  epsilon: z.number().nullish(),
  decay: z.number().nullish(),
})

/** Short names that `compile()` takes. */
const SHORT: Readonly<Record<string, string>> = { mse: 'mean_squared_error', mae: 'mean_absolute_error' }

/**
 * The loss and the optimiser that a model was compiled with, and its learning rate. Throws `tfjs.invalid` for a model that
 * was not compiled (or saved without `includeOptimizer`), `tfjs.unsupported` for a loss or an optimiser without a
 * counterpart.
 */
export async function trainingOf(
  source: TfjsModel | TfjsArtifacts,
  { outputs, labels = outputs.length === 1 ? ['labels'] : [] }: TfjsTrainingOptions,
): Promise<TfjsTraining> {
  const { trainingConfig } = await readArtifacts(source, { withOptimizer: true })
  if (!trainingConfig)
    throw invalid(
      'expected a model that was compiled, found no training configuration; call model.compile(), and save with { includeOptimizer: true }',
    )
  const { loss, optimizer_config: optimizer } = parsed(configSchema, trainingConfig, 'trainingConfig')
  if (labels.length !== outputs.length)
    throw invalid(`expected ${outputs.length} columns of labels, one an output, found ${labels.length}`)
  const asked =
    typeof loss === 'string'
      ? outputs.map(() => loss)
      : Array.isArray(loss)
        ? loss
        : outputs.flatMap((output) => loss[output] ?? [])
  if (asked.length !== outputs.length)
    throw invalid(
      `expected a loss for each of the outputs ${outputs.join(', ')}, found ${JSON.stringify(loss)}; name outputs as the model does`,
    )
  const losses = asked.map((name, i) => lossOf(name)({ output: outputs[i]!, labels: labels[i]! }))
  return { loss: summed(losses), ...optimizerOf(optimizer.class_name, optimizer.config) }
}

function lossOf(name: string) {
  const found = LOSSES[SHORT[name] ?? name]
  if (found) return found
  throw userError(
    'tfjs.unsupported',
    `expected a loss of ${Object.keys(LOSSES).join(', ')}, found ${name}; write it as a Loss`,
  )
}

function summed(losses: readonly Loss[]): Loss {
  if (losses.length === 1) return losses[0]!
  return (s, outputs, batch) => {
    const each = losses.map((loss) => loss(s, outputs, batch).loss)
    return { loss: each.reduce((sum, loss) => s.g.add(sum, loss)) }
  }
}

function optimizerOf(
  className: string,
  config: Readonly<Record<string, unknown>>,
): Pick<TfjsTraining, 'optimizer' | 'learningRate'> {
  const build = OPTIMIZERS[className]
  if (!build)
    throw userError(
      'tfjs.unsupported',
      `expected the optimiser ${Object.keys(OPTIMIZERS).join(', ')}, found ${className}; give trainingStep one of graph/training`,
    )
  const plain = Object.entries(config).map(([name, value]) => [name.replaceAll('_', '').toLowerCase(), value])
  const settings = parsed(settingsSchema, Object.fromEntries(plain), className)
  if (settings.decay)
    throw userError('tfjs.unsupported', `${className}: expected no decay, found ${settings.decay}; use a schedule`)
  return { learningRate: settings.learningrate, optimizer: build(settings) }
}

type Settings = z.infer<typeof settingsSchema>

const withMomentum = ({ momentum, usenesterov, nesterov }: Settings) =>
  sgd({ momentum, nesterov: usenesterov || nesterov })

/** Where none is set, Adam's epsilon is Keras'. */
const OPTIMIZERS: Readonly<Record<string, (settings: Settings) => Optimizer>> = {
  SGD: withMomentum,
  Momentum: withMomentum,
  Adam: ({ beta1, beta2, epsilon }) => adam({ beta1, beta2, epsilon: epsilon ?? 1e-7 }),
}
