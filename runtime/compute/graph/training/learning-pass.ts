import { userError } from '../../../base/index.ts'
import { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { NamedValues } from '../layers/layer.ts'
import { type Parameter, Parameters } from '../layers/parameters.ts'
import { type MaskInput, Scope } from '../layers/scope.ts'
import { accumulated } from './accumulation.ts'
import { columnBounds } from './column-bounds.ts'
import { batched, outputsOf } from './model-pass.ts'
import type { StepSignature } from './step-signature.ts'
import type { TrainingInit } from './training-init.ts'

/** A graph from a batch to the gradients of its loss. */
export interface LearningPass {
  readonly g: GraphBuilder
  readonly parameters: Parameters
  /** Columns by name. */
  readonly batch: Readonly<Record<string, Value>>
  readonly masks: readonly MaskInput[]
  /** What is trained, in order ... */
  readonly learned: readonly Parameter[]
  /** ... and its gradients, averaged over the parts of the batch, not clipped. */
  readonly sums: readonly Value[]
  /** Of each part. */
  readonly losses: readonly (NamedValues & { readonly loss: Value })[]
}

/** The forward and the backward pass of a training. Throws `graph.*`. */
export function learningPass(init: TrainingInit): LearningPass {
  const { inputs, batchSize, seed = 0, target = 'cpu', weights, accumulate = 1 } = init
  const g = new GraphBuilder(target)
  const parameters = new Parameters(g, { seed, ...(weights && { weights }) })
  const masks: MaskInput[] = []
  const batch = Object.fromEntries(
    Object.entries(inputs).map(([name, type]) => [name, g.input(name, batched(type, batchSize))]),
  )
  const lossOf = (part: NamedValues) => {
    const penalties = new Set<Value>()
    const s = new Scope({ g, mode: 'training', parameters, masks, penalties, adapters: new Map(), places: new Map() })
    const given = init.prepare?.(s, part) ?? part
    return g.within('loss', () => {
      const found = init.loss(s, outputsOf(init.model, s, given), given)
      return { ...found, loss: [...penalties].reduce((sum, penalty) => g.add(sum, penalty), found.loss) }
    })
  }
  const trained = () => parameters.all.filter(({ role }) => role === 'parameter' || role === 'adapter')
  const { losses, sums } = accumulated(g, { batch, batchSize, parts: accumulate, lossOf, trained })
  parameters.checkWeights()
  return { g, parameters, batch, masks, learned: trained(), losses, sums }
}

/** Columns as a signature names them. Throws `graph.dtype` for samples that no batch holds. */
export function columnsOf(g: GraphBuilder, batch: LearningPass['batch']): StepSignature['batch'] {
  const bounds = columnBounds(g.nodes)
  return Object.values(batch).map((column) => columnOf(column, bounds.get(column)))
}

/** Masks as a signature names them. */
export function masksOf(masks: readonly MaskInput[]): StepSignature['masks'] {
  return masks.map(({ value, keep }) => ({ name: value.name, shape: [...value.shape], keep }))
}

/** The means over the parts. */
export function metricsOf(
  g: GraphBuilder,
  parts: readonly (NamedValues & { readonly loss: Value })[],
  asked: readonly string[] | undefined,
): Record<string, Value> {
  const has = Object.keys(parts[0]!).filter((name) => name !== 'loss')
  for (const name of asked ?? [])
    if (!has.includes(name))
      throw userError('graph.metric', `expected metrics that the loss has (${has.join(', ')}), found ${name}`)
  return Object.fromEntries(
    ['loss', ...(asked ?? has)].map((name) => {
      const sum = parts.map((part) => part[name]!).reduce((a, b) => g.add(a, b))
      return [name, g.scale(sum, 1 / parts.length)]
    }),
  )
}

function columnOf({ name, dtype, shape }: Value, below: number | undefined): StepSignature['batch'][number] {
  if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'int32' && dtype !== 'uint8')
    throw userError('graph.dtype', `${name}: expected samples of float32, int64, int32 or uint8, found ${dtype}`)
  return { name, dtype, shape: [...shape], ...(below !== undefined && { below }) }
}
