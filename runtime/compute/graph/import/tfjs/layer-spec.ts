import { z } from 'zod'
import { type AividaError, userError } from '../../../../base/index.ts'
import { type LayerJson, parsed } from './artifacts.ts'
import type { ImportedWeight, Penalty, WeightForm, Weights } from './weights.ts'

const settingsSchema = z.looseObject({ name: z.string(), trainable: z.boolean().nullish() })

const regularizerSchema = z.object({
  class_name: z.string(),
  config: z.looseObject({ l1: z.number().nullish(), l2: z.number().nullish() }),
})

/** What a weight's penalty and constraint are set by, where that is not its own name. */
interface WeightOptions extends WeightForm {
  /** Prefix of `..._regularizer` and `..._constraint`. Default: the weight's name. */
  readonly settings?: string
}

/** A layer of a saved model, with what its rule asks of it. */
export class LayerSpec {
  /** `Conv2D`. */
  readonly className: string
  /** `conv2d_Conv2D1`. */
  readonly name: string
  readonly #config: Readonly<Record<string, unknown>>
  readonly #trainable: boolean
  readonly #scopes: readonly string[]
  readonly #weights: Weights

  /** `wrappers`: names of layers around this one that its weights may be called by. */
  constructor({ class_name, config }: LayerJson, weights: Weights, wrappers: readonly string[] = []) {
    const { name, trainable } = parsed(settingsSchema, config, class_name)
    this.className = class_name
    this.name = name
    this.#config = config as Readonly<Record<string, unknown>>
    this.#trainable = trainable ?? true
    this.#scopes = [name, ...wrappers]
    this.#weights = weights
    if (this.#config.activity_regularizer)
      throw this.refuse(
        'no activityRegularizer, which TensorFlow.js does not apply; leave it out, or write it into the loss',
      )
  }

  /** The settings that a rule reads. Throws `tfjs.invalid`. */
  read<T>(schema: z.ZodType<T>): T {
    return parsed(schema, this.#config, this.#title)
  }

  /** A weight of this layer. Throws `tfjs.missing-weight`, and `tfjs.unsupported` for a constraint. */
  weight(own: string, { settings = own, ...form }: WeightOptions = {}): ImportedWeight {
    if (this.#config[`${settings}_constraint`])
      throw this.refuse(`no constraint of ${own}; leave it out, or use weight decay`)
    const penalty = this.#penalty(settings)
    return this.#weights.take(this.#scopes, own, { form, trainable: this.#trainable, penalty })
  }

  /** The shape of a weight of this layer in TensorFlow.js. */
  weightShape(own: string): readonly number[] {
    return this.#weights.shapeOf(this.#scopes, own)
  }

  /** The error `tfjs.unsupported`: the layer is known, and this of it is not. */
  refuse(expected: string): AividaError {
    return userError('tfjs.unsupported', `${this.#title}: expected ${expected}`, { layer: this.name })
  }

  #penalty(settings: string): Penalty | undefined {
    const found = this.#config[`${settings}_regularizer`]
    if (!found) return undefined
    const { class_name: className, config } = parsed(regularizerSchema, found, this.#title)
    if (!['L1L2', 'L1', 'L2'].includes(className))
      throw this.refuse(`a penalty by L1 or L2, found ${className}; write it into the loss`)
    return { l1: config.l1 ?? 0, l2: config.l2 ?? 0 }
  }

  get #title(): string {
    return `${this.name} (${this.className})`
  }
}
