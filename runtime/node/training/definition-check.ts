import { type AividaError, userError } from '../../base/index.ts'
import { nearest } from '../../base/nearest.ts'
import { learningRateSchema, requirementsSchema, selectionSchema } from '../../protocol/index.ts'
import type { TrainingDefinition } from './definition.ts'

/** What a value of an option has to be, and how to say it. */
interface Expected {
  readonly what: string
  readonly required?: boolean
  /** Names of its own options. Default: any. */
  readonly options?: readonly string[]
  readonly fits: (value: unknown) => boolean
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isFunction = (value: unknown) => typeof value === 'function'
const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1

const COUNT: Expected = { what: 'a whole number of at least 1', fits: isCount }
const TEXT: Expected = { what: 'a text that is not empty', fits: isText }
const DATA = 'a table, tensors by name, or the path of a file of rows'

/** Every option, `satisfies` its type: one that is added there and not here does not compile. */
const OPTIONS = {
  model: {
    what: 'a layer such as sequential([...]), or a function of a scope',
    required: true,
    fits: (value) => isFunction(value) || isObject(value),
  },
  loss: { what: 'a loss such as crossEntropy()', required: true, fits: isFunction },
  optimizer: { what: 'an optimiser such as adam()', required: true, fits: isFunction },
  inputs: {
    what: "columns by name, such as { images: { dtype: 'uint8', shape: [28, 28] } }",
    required: true,
    fits: (value) => isObject(value) && Object.values(value).every(isTensorType),
  },
  batchSize: { ...COUNT, required: true },
  data: { what: DATA, required: true, fits: isData },
  learningRate: {
    what: "a number above 0, or a schedule such as { kind: 'cosine', rate: 1e-3, warmUpSteps: 100, finalShare: 0.1 }",
    required: true,
    fits: isRate,
  },
  validation: {
    what: `${DATA}, or { share: 0.1 }`,
    fits: (value) => isData(value) || (isObject(value) && typeof value.share === 'number'),
  },
  epochs: COUNT,
  steps: COUNT,
  evaluateEvery: COUNT,
  select: {
    what: "an object such as { metric: 'loss', goal: 'min', patience: 3 }",
    options: Object.keys(selectionSchema.shape),
    fits: (value) => selectionSchema.safeParse(value).success,
  },
  from: TEXT,
  stepsPerShard: COUNT,
  commitEvery: COUNT,
  requirements: {
    what: "an object such as { provider: 'cuda', memoryBytes: 1e9 }",
    options: Object.keys(requirementsSchema.shape),
    fits: (value) => requirementsSchema.safeParse(value).success,
  },
  name: TEXT,
  outputDir: TEXT,
  prepare: { what: 'a function of the columns', fits: isFunction },
  clip: { what: 'a number above 0', fits: (value) => typeof value === 'number' && value > 0 },
  accumulate: COUNT,
  metrics: { what: 'a list of names', fits: (value) => Array.isArray(value) && value.every(isText) },
  seed: {
    what: 'a whole number of at least 0',
    fits: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  },
  weights: { what: 'tensors by name', fits: isTensors },
  target: { what: "'cpu' or 'portable'", fits: (value) => value === 'cpu' || value === 'portable' },
} satisfies Readonly<Record<keyof TrainingDefinition, Expected>>

/**
 * Refuses a definition that types would have refused, for those who write JavaScript or run TypeScript unchecked. Throws
 * `train.option` for a name that is no option, with the nearest one that is, for one that is missing, and for a value of
 * another kind than its option takes.
 */
export function checkDefinition(definition: unknown): asserts definition is TrainingDefinition {
  if (!isObject(definition))
    throw refused('', `expected an object: training({ model, loss, optimizer, ... }), found ${shown(definition)}`)
  const known: Readonly<Record<string, Expected>> = OPTIONS
  checkNames(definition, Object.keys(known))
  for (const [name, { what, required = false, options, fits }] of Object.entries(known)) {
    const value = definition[name]
    if (options && isObject(value)) checkNames(value, options, `${name}.`)
    if (value === undefined ? required : !fits(value))
      throw refused(name, `expected ${what} for ${name}, found ${shown(value)}`)
  }
}

function checkNames(given: object, known: readonly string[], within = ''): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  if (unknown === undefined) return
  const near = nearest(unknown, known)
  const hint = near ? `did you mean ${within}${near}?` : `known are ${known.join(', ')}`
  throw refused(`${within}${unknown}`, `unknown option ${within}${unknown} of a training: ${hint}`)
}

function refused(option: string, message: string): AividaError {
  return userError('train.option', message, { option })
}

function isTensorType(value: unknown): boolean {
  return isObject(value) && isText(value.dtype) && Array.isArray(value.shape)
}

function isTensors(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((tensor) => isTensorType(tensor) && 'data' in (tensor as object))
}

function isData(value: unknown): boolean {
  return isText(value) || isTensors(value) || (isObject(value) && isFunction(value.gather))
}

/** A cosine may leave its end to the training. */
function isRate(value: unknown): boolean {
  if (typeof value === 'number') return value > 0 && Number.isFinite(value)
  if (!isObject(value)) return false
  return learningRateSchema.safeParse(value.kind === 'cosine' ? { totalSteps: 1, ...value } : value).success
}

/** Short, whatever it is: tensors may be in it. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (!isObject(value)) return String(value)
  const entries = Object.entries(value).slice(0, 4)
  return `{ ${entries.map(([name, part]) => `${name}: ${isObject(part) ? '{ ... }' : shown(part)}`).join(', ')} }`
}
