import { elementCount } from '../../../data/tensor/check.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Parameters } from '../layers/parameters.ts'
import type { Optimizer, Trained } from './optimizer.ts'
import type { StateTensor } from './step-signature.ts'

/** A tensor of a step's state: what it begins with, and what a step makes of it. */
export interface Kept {
  readonly shape: readonly number[]
  readonly role: StateTensor['role']
  readonly next: Value
  readonly initial: () => Tensor
}

/**
 * Adds an optimiser to a graph. Gives the state by name - the model's first, in the order of its layers - and the scalar
 * inputs that were asked for.
 */
export function updated(
  g: GraphBuilder,
  optimizer: Optimizer,
  { parameters, trained }: { parameters: Pick<Parameters, 'all' | 'statistics'>; trained: readonly Trained[] },
): { readonly state: ReadonlyMap<string, Kept>; readonly scalars: readonly ('learningRate' | 'step')[] } {
  const scalars = new Map<'learningRate' | 'step', Value>()
  const scalar = (name: 'learningRate' | 'step') => {
    const value = scalars.get(name) ?? g.input(name, { dtype: 'float32', shape: [] })
    scalars.set(name, value)
    return value
  }
  const own = new Map<string, Kept>()
  const next = g.within('optimizer', () =>
    optimizer(
      {
        g,
        learningRate: scalar('learningRate'),
        step: () => scalar('step'),
        state: ({ name: of, shape }, name, after) => {
          const path = `${of}.${name}`
          const value = after(g.input(path, { dtype: 'float32', shape }))
          own.set(path, { shape, role: 'optimizer', next: value, initial: () => zeroTensor(shape) })
          return value
        },
      },
      trained,
    ),
  )
  const learned = new Map(trained.map(({ parameter }, i) => [parameter, next[i]!]))
  const state = new Map<string, Kept>()
  for (const parameter of parameters.all) {
    const { name, shape, role, initial } = parameter
    const after = learned.get(parameter) ?? parameters.statistics.get(parameter)
    if (role !== 'frozen' && after) state.set(name, { shape, role, next: after, initial })
  }
  return { state: new Map([...state, ...own]), scalars: [...scalars.keys()] }
}

/** What a signature says of a state. */
export function stateHeads(state: ReadonlyMap<string, Kept>): StateTensor[] {
  return Array.from(state, ([name, { shape, role }]) => ({
    name,
    next: nextName(name),
    dtype: 'float32',
    shape: [...shape],
    role,
  }))
}

/** The outputs of a step that hold its next state. */
export function nextOf(state: ReadonlyMap<string, Kept>): Record<string, Value> {
  return Object.fromEntries(Array.from(state, ([name, { next }]) => [nextName(name), next]))
}

function nextName(name: string): string {
  return `${name}.next`
}

function zeroTensor(shape: readonly number[]): Tensor {
  return { dtype: 'float32', shape, data: new Uint8Array(4 * elementCount(shape)) }
}
