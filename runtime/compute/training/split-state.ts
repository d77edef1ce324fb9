import { userError } from '../../base/index.ts'
import type { Replica, TrainShard } from '../../protocol/index.ts'
import type { SplitForm } from '../engine/index.ts'
import type { GradientSignature, StepSignature, UpdateSignature } from '../graph/index.ts'

/** Two halves of a step put together. */
export interface JoinedStep {
  /** As of one step, what is shared before what only the optimiser knows; a batch is fed without scalars. */
  readonly signature: StepSignature
  readonly split: SplitForm
  /** Names of the scalars that the update takes. */
  readonly scalars: UpdateSignature['scalars']
}

/** What the halves of a step are together. Throws `step.not-an-update` for halves of different steps. */
export function joined(gradient: GradientSignature, update: UpdateSignature): JoinedStep {
  const { state, frozen, batch, masks, metrics } = gradient
  const trained = state.filter(({ role }) => role !== 'statistic')
  const describe = (tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]) =>
    tensors.map(({ name, shape }) => `${name} [${shape}]`).join(', ')
  const updated = update.state.filter(({ role }) => role !== 'optimizer')
  if (describe(trained) !== describe(updated))
    throw userError(
      'step.not-an-update',
      `expected an update of what there are gradients of (${describe(trained.slice(0, 8))} ...), found one of ${describe(updated.slice(0, 8))} ...`,
    )
  const nexts = new Map(update.state.map(({ name, next }) => [name, next]))
  const shared = state.map(({ name, gives, shape, role }) => ({
    ...{ name, shape, role },
    next: nexts.get(name) ?? gives,
    dtype: 'float32' as const,
  }))
  const own = update.state.filter(({ role }) => role === 'optimizer')
  const numberOf = (name: string) => state.findIndex((tensor) => tensor.name === name)
  return {
    signature: { version: 1, state: [...shared, ...own], frozen, batch, masks, scalars: {}, metrics },
    scalars: update.scalars,
    split: {
      gradients: update.gradients.map(({ name, of }) => {
        const tensor = numberOf(of)
        return { tensor, gives: state[tensor]!.gives, takes: name }
      }),
      statistics: state.flatMap(({ role }, tensor) => (role === 'statistic' ? [tensor] : [])),
    },
  }
}

/** The scalars of the steps that a shard's updates make. Throws `train.rates` where it has no rate for each. */
export function updateScalars(
  { scalars }: Pick<JoinedStep, 'scalars'>,
  {
    fromStep,
    replica: { rates = [], updates },
  }: Pick<TrainShard, 'fromStep'> & { readonly replica: Pick<Replica, 'rates' | 'updates'> },
): Readonly<Record<string, number>>[] {
  if (rates.length !== updates.length || fromStep < updates.length)
    throw userError(
      'train.rates',
      `expected a learning rate for each of ${updates.length} updates, which are among ${fromStep} steps, found ${rates.length} rates`,
    )
  return rates.map((rate, i) => ({
    ...(scalars.learningRate !== undefined && { [scalars.learningRate]: rate }),
    ...(scalars.step !== undefined && { [scalars.step]: fromStep - rates.length + i + 1 }),
  }))
}
