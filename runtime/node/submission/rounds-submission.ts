import { limit, userError } from '../../base/index.ts'
import { gradientSignatureOf, type StepSignature, updateSignatureOf } from '../../compute/graph/index.ts'
import { checkAggregation, compressorOf, layoutOf } from '../../compute/update/index.ts'
import type { Compression, ModelRef, RoundsRequest, TrainingSpec, TrainRequest } from '../../protocol/index.ts'
import { keptModel, scanned, type TrainingSubmission } from './kept-models.ts'

/** Where a request does not say how updates are compressed, they are dense. */
const DENSE: Compression = { kind: 'f32' }

/**
 * What a training by rounds is beside its step, and that its recipe can be followed. Throws `rounds.workers`,
 * `rounds.recipe`, `rounds.split`, `rounds.state`, `train.commitments`, `compression.*`, `aggregation.*`,
 * `step.not-a-gradient`, `step.not-an-update`, `model.*`, `blob.no-file`, `disk.*`.
 */
export async function prepareRounds(
  init: TrainingSubmission,
  { commitEvery, rounds }: Pick<TrainRequest, 'commitEvery'> & { readonly rounds: RoundsRequest },
  signature: StepSignature,
): Promise<NonNullable<TrainingSpec['rounds']>> {
  checkRecipe(rounds, commitEvery)
  const { length, plain } = layoutOf(signature)
  const gradient = rounds.gradient === undefined ? undefined : await keptGradient(init, rounds.gradient, signature)
  const update = rounds.update === undefined ? undefined : await keptUpdate(init, rounds.update, signature)
  if (modeOf(rounds) === 'gradient' && !(gradient && update))
    throw userError(
      'rounds.split',
      'replicas that exchange gradients take the step in two parts: give gradient and update, as trainingStep().split() makes them',
    )
  if ((gradient === undefined) !== (update === undefined))
    throw userError('rounds.split', `expected both parts of the step, found ${gradient ? 'gradient' : 'update'} alone`)
  return { length, plain, kind: kindOf(signature), ...(gradient && { gradient }), ...(update && { update }) }
}

function checkRecipe(rounds: RoundsRequest, commitEvery: number): void {
  const { workers, recipe, aggregation } = rounds
  const { min, max } = workers
  if (min > max)
    throw userError('rounds.workers', `expected workers from a smaller number to a larger one, found ${min} to ${max}`)
  for (const compression of [recipe.up, recipe.down]) if (compression) compressorOf(compression)
  checkAggregation(aggregation, recipe.up ?? DENSE, min)
  const { localSteps = 1 } = recipe
  const mode = modeOf(rounds)
  if (rounds.sync !== 'auto' && recipe.mode !== undefined && recipe.mode !== MODES[rounds.sync])
    throw userError(
      'rounds.recipe',
      `sync ${rounds.sync} has mode ${MODES[rounds.sync]}, the recipe says ${recipe.mode}; leave one of them out`,
    )
  if (mode === 'gradient' && localSteps !== 1)
    throw userError(
      'rounds.recipe',
      `replicas that exchange the gradients of each step have 1 local step, found ${localSteps}; choose sync diloco to make more of them`,
    )
  if (localSteps / commitEvery >= limit('commitmentsPerShard') - 1)
    throw userError(
      'train.commitments',
      `${localSteps} steps a round with a commitment every ${commitEvery} are more than the ${limit('commitmentsPerShard')} that a receipt holds; commit less often, or make fewer steps`,
    )
}

const MODES = { diloco: 'local', gradients: 'gradient' } as const

/** What the replicas exchange; `undefined` where that is found out. */
function modeOf({ sync, recipe }: RoundsRequest): 'local' | 'gradient' | undefined {
  return recipe.mode ?? (sync === 'auto' ? undefined : MODES[sync])
}

async function keptGradient(init: TrainingSubmission, path: string, step: StepSignature): Promise<ModelRef> {
  const model = await keptModel(init, path)
  const graph = await init.blobs.readAll(model.graph.blob)
  const report = scanned(graph, model)
  const { state, frozen, batch, masks, metrics } = gradientSignatureOf(graph)
  const shared = step.state.filter(({ role }) => role !== 'optimizer')
  assertSame('gradient', 'state', shared, state)
  assertSame('gradient', 'frozen inputs', step.frozen, frozen)
  assertSame('gradient', 'batch', step.batch, batch)
  assertSame('gradient', 'masks', step.masks, masks)
  const inputs = [...state, ...frozen, ...batch, ...masks].map(({ name }) => name)
  assertGraph('gradient', report, inputs, [...state.map(({ gives }) => gives), ...metrics])
  return model
}

async function keptUpdate(init: TrainingSubmission, path: string, step: StepSignature): Promise<ModelRef> {
  const model = await keptModel(init, path)
  const graph = await init.blobs.readAll(model.graph.blob)
  const report = scanned(graph, model)
  const { state, gradients, scalars, metrics } = updateSignatureOf(graph)
  const changed = step.state.filter(({ role }) => role !== 'statistic')
  assertSame('update', 'state', changed, state)
  const inputs = [...state, ...gradients].map(({ name }) => name)
  const given = Object.values(scalars).filter((name) => name !== undefined)
  assertGraph('update', report, [...inputs, ...given], [...state.map(({ next }) => next), ...metrics])
  return model
}

/** Whoever learns from rows of symbols attends, as a rule; where that is wrong its replicas meet more often than they must. */
function kindOf({ batch }: StepSignature): NonNullable<NonNullable<TrainingSpec['rounds']>['kind']> {
  return batch.some(({ shape, below }) => below !== undefined && shape.length === 2) ? 'transformer' : 'other'
}

interface Named {
  readonly name: string
  readonly shape: readonly number[]
}

/** A part of the step has the same tensors as the step. Throws `rounds.split`. */
function assertSame(part: string, what: string, step: readonly Named[], found: readonly Named[]): void {
  const told = (tensors: readonly Named[]) => tensors.map(({ name, shape }) => `${name} [${shape}]`)
  const [expected, has] = [told(step), told(found)]
  const at = expected.findIndex((tensor, i) => tensor !== has[i])
  if (at < 0 && has.length === expected.length) return
  const [wanted = 'nothing more', other = 'nothing more'] =
    at < 0 ? [undefined, has[expected.length]] : [expected[at], has[at]]
  throw userError(
    'rounds.split',
    `the ${part} is not a part of this step: its ${what} has ${other} where the step has ${wanted}; make both with one trainingStep()`,
  )
}

/** What a signature names is what its graph has. Throws `rounds.split`. */
function assertGraph(
  part: string,
  { inputs, outputs }: { readonly inputs: readonly { name: string }[]; readonly outputs: readonly { name: string }[] },
  taken: readonly string[],
  given: readonly string[],
): void {
  const known = inputs.map(({ name }) => name)
  const wrong =
    taken.find((name) => !known.includes(name)) ??
    known.find((name) => !taken.includes(name)) ??
    given.find((name) => !outputs.some((output) => output.name === name))
  if (wrong !== undefined)
    throw userError('rounds.split', `the signature of the ${part} and its graph do not agree on ${wrong}`)
}
