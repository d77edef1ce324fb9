import { learningRateSchema, requirementsSchema, selectionSchema } from '../../protocol/index.ts'
import type { TrainingDefinition } from './definition.ts'
import { COUNT, checkOptions, type Expected, isObject, refused, shown } from './option-check.ts'
import { ROUNDS_OPTIONS } from './rounds-definition.ts'

const isFunction = (value: unknown) => typeof value === 'function'
const isText = (value: unknown) => typeof value === 'string' && value !== ''

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
  ...ROUNDS_OPTIONS,
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

/** Refuses a definition that types would have refused. Throws `train.option`: see {@link checkOptions}. */
export function checkDefinition(definition: unknown): asserts definition is TrainingDefinition {
  if (!isObject(definition))
    throw refused('', `expected an object: training({ model, loss, optimizer, ... }), found ${shown(definition)}`)
  checkOptions('a training', definition, OPTIONS)
  const { metric = 'loss', goal } = (definition as unknown as TrainingDefinition).select ?? {}
  if (metric !== 'loss' && goal === undefined)
    throw refused('select', `expected goal: 'max' or 'min', which way ${metric} is better`)
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
