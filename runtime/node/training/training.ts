import { userError } from '../../base/index.ts'
import { isShare, type TrainingDefinition } from './definition.ts'
import { checkDefinition } from './definition-check.ts'
import { roundsOf } from './rounds-definition.ts'

/** A {@link TrainingDefinition} that was looked over: what a file for `aivida train` exports as its default. */
export interface Training {
  readonly kind: 'aivida.training'
  readonly definition: TrainingDefinition
}

/**
 * Defines a training. Throws `train.option` for an option that there is none of, is missing, of another kind or does not
 * go with another, `train.length` when it does not say how long, `train.share` for a share that leaves nothing to learn from or to measure on.
 */
export function training(definition: TrainingDefinition): Training {
  checkDefinition(definition)
  roundsOf(definition)
  const { epochs, steps, validation } = definition
  if ((epochs === undefined) === (steps === undefined))
    throw userError('train.length', 'expected epochs or steps, one of the two: how long the training is')
  if (isShare(validation) && !(validation.share > 0 && validation.share < 1))
    throw userError('train.share', `expected a share between 0 and 1 for the validation, found ${validation.share}`)
  return { kind: 'aivida.training', definition }
}

/** Whether a value, such as what a module exports, is a training: told by its mark, since it may be of another copy of us. */
export function isTrainingDefinition(value: unknown): value is Training {
  return value !== null && typeof value === 'object' && (value as Partial<Training>).kind === 'aivida.training'
}
