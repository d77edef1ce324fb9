import { resolve } from 'node:path'
import { limit, userError } from '../../base/index.ts'
import { modelSignatureOf, readModel, type StepSignature, stepSignatureOf } from '../../compute/graph/index.ts'
import type { ModelReport } from '../../compute/model/index.ts'
import { batchSizeOf, checkColumns, checkSymbols, stepsPerEpoch, tensorsIn } from '../../compute/training/index.ts'
import type { OpenBlob } from '../../data/blob/index.ts'
import { type RowTable, storedTable } from '../../data/rows/index.ts'
import { bytesOfBlob } from '../../data/sources/byte-source.ts'
import type { BlobRef, ModelRef, RowRange, TrainingSpec, TrainRequest } from '../../protocol/index.ts'
import { keptModel, scanned, type TrainingSubmission } from './kept-models.ts'
import { prepareRounds } from './rounds-submission.ts'

/**
 * Keeps all that a training is made from as blobs, and checks what can be known without computing: that state, rows and
 * evaluation fit the step, and labels their range. Throws `step.not-a-step`, `model.*`, `train.*`, `rows.*`, `tensor.malformed`,
 * `blob.no-file`, `disk.*`, and what {@link prepareRounds} throws.
 */
export async function prepareTraining(
  init: TrainingSubmission,
  request: TrainRequest,
): Promise<{ readonly model: ModelRef; readonly training: TrainingSpec }> {
  const { blobs } = init
  const model = await keptModel(init, request.model)
  const graph = await blobs.readAll(model.graph.blob)
  const report = scanned(graph, model)
  const signature = stepSignatureOf(graph)
  assertSignature(signature, report)
  const state = await keptTensors(init, request.state, signature.state)
  const frozen = await keptFrozen(init, request, signature)
  const data = await keptRows(init, request.data, (table, range) => checkTable(signature, table, range))
  const perEpoch = stepsPerEpoch(signature, data)
  checkCommitments(request)
  const evaluation = request.evaluation && (await keptEvaluation(init, request.evaluation, signature, perEpoch))
  const served = request.served === undefined ? undefined : await keptServed(init, request.served, signature)
  const rounds = request.rounds && (await prepareRounds(init, { ...request, rounds: request.rounds }, signature))
  const training: TrainingSpec = {
    state,
    ...(frozen && { frozen }),
    data,
    steps: stepsOf(request, perEpoch),
    batchSize: batchSizeOf(signature),
    ...(evaluation && { evaluation }),
    ...(served && { served }),
    ...(rounds && { rounds }),
  }
  return { model, training }
}

function stepsOf({ steps, epochs }: TrainRequest, perEpoch: number): number {
  if ((steps === undefined) === (epochs === undefined))
    throw userError('train.length', 'expected steps or epochs, one of the two: how long the training is')
  return steps ?? epochs! * perEpoch
}

/** What would be found when the first shard is done, and its work lost. */
function checkCommitments({ stepsPerShard, commitEvery }: TrainRequest): void {
  const most = limit('commitmentsPerShard')
  if (stepsPerShard / commitEvery >= most)
    // one more after the last step
    throw userError(
      'train.commitments',
      `${stepsPerShard} steps a shard with a commitment every ${commitEvery} are more than the ${most} that a receipt holds; commit less often, or take smaller shards`,
    )
}

/** What the signature names is what the graph has. Throws `step.signature`. */
function assertSignature(signature: StepSignature, { inputs, outputs }: ModelReport): void {
  const { state, frozen, batch, masks, scalars, metrics } = signature
  const named = [...state, ...frozen, ...batch, ...masks].map(({ name }) => name)
  const taken = [...named, ...Object.values(scalars).filter((name) => name !== undefined)]
  const known = inputs.map(({ name }) => name)
  const given = outputs.map(({ name }) => name)
  const wrong =
    taken.find((name) => !known.includes(name)) ??
    known.find((name) => !taken.includes(name)) ??
    [...state.map(({ next }) => next), ...metrics].find((name) => !given.includes(name))
  if (wrong !== undefined || batch.length === 0 || !metrics.includes('loss'))
    throw userError(
      'step.signature',
      wrong === undefined
        ? 'a training step takes a batch and gives a loss; this one does not: build it with trainingStep()'
        : `the signature of the training step and its graph do not agree on ${wrong}; build it with trainingStep()`,
    )
}

async function keptTensors(
  { blobs, job }: TrainingSubmission,
  path: string,
  wanted: StepSignature['state'] | StepSignature['frozen'],
): Promise<BlobRef> {
  const ref = await blobs.putFile(resolve(path), { pin: { owner: job } })
  const open = await blobs.open(ref.blob)
  try {
    await tensorsIn(open, wanted)
  } finally {
    await open.close()
  }
  return ref
}

/** The model as it is used, all of whose weights the step has. Throws `model.not-served`, `train.served`. */
async function keptServed(init: TrainingSubmission, path: string, signature: StepSignature): Promise<ModelRef> {
  const model = await keptModel(init, path)
  const known = new Set([...signature.state, ...signature.frozen].map(({ name }) => name))
  const { weights } = modelSignatureOf(readModel(await init.blobs.readAll(model.graph.blob)))
  const names = weights.flatMap(({ name, adapter }) => (adapter ? [name, adapter.down, adapter.up] : [name]))
  const strange = names.find((name) => !known.has(name))
  if (strange !== undefined)
    throw userError('train.served', `the model to be served has a weight ${strange} that the step does not train`)
  return model
}

async function keptFrozen(init: TrainingSubmission, { frozen }: TrainRequest, signature: StepSignature) {
  if (signature.frozen.length === 0) return undefined
  if (frozen === undefined)
    throw userError('train.frozen', `the step takes frozen inputs (${signature.frozen[0]!.name}, ...); give their file`)
  return keptTensors(init, frozen, signature.frozen)
}

async function keptRows(
  { blobs, job }: TrainingSubmission,
  { path, firstRow, rows }: TrainRequest['data'],
  check: (table: RowTable, range: RowRange) => Promise<void> | void,
): Promise<RowRange> {
  const ref = await blobs.putFile(resolve(path), { pin: { owner: job } })
  const open: OpenBlob = await blobs.open(ref.blob)
  const table = await storedTable(bytesOfBlob(open), { identity: ref.blob }).catch(async (error) => {
    await open.close()
    throw error
  })
  try {
    const range = { table: ref, firstRow, rows: rows ?? table.length - firstRow }
    if (range.rows < 1 || firstRow + range.rows > table.length)
      throw userError(
        'train.rows',
        `rows ${firstRow} to ${firstRow + range.rows} were asked for; ${path} has ${table.length}`,
      )
    await check(table, range)
    return range
  } finally {
    await table.close()
  }
}

async function checkTable(signature: StepSignature, table: RowTable, range: RowRange): Promise<void> {
  checkColumns(
    signature.batch.map(({ name, dtype, shape }) => ({ name, dtype, shape: shape.slice(1) })),
    table,
  )
  const bounded = signature.batch.flatMap(({ name, below }) => (below === undefined ? [] : { name, below }))
  await checkSymbols(table, range, bounded)
}

async function keptEvaluation(
  init: TrainingSubmission,
  { model: path, data, batchSize, everySteps, select }: NonNullable<TrainRequest['evaluation']>,
  signature: StepSignature,
  perEpoch: number,
): Promise<NonNullable<TrainingSpec['evaluation']>> {
  const model = await keptModel(init, path)
  const { inputs, outputs } = scanned(await init.blobs.readAll(model.graph.blob), model)
  const weights = new Set([...signature.state, ...signature.frozen].map(({ name }) => name))
  const wanted = inputs.filter(({ name }) => !weights.has(name))
  if (!outputs.some(({ name, dtype }) => name === select.metric && dtype === 'float32'))
    throw userError(
      'train.metric',
      `the evaluation gives ${outputs.map(({ name }) => name).join(', ')}, and no f32 ${select.metric} to select by`,
    )
  if (wanted.length === 0)
    throw userError('train.columns', 'the evaluation takes no rows: it has no inputs but weights')
  const fixed = wanted.map(({ shape }) => shape?.[0]).find((dim) => typeof dim === 'number')
  const kept = await keptRows(init, data, async (table, range) => {
    checkColumns(
      wanted.map(({ name, dtype, shape }) => ({ name, dtype, shape: shape?.slice(1) })),
      table,
    )
    const bounded = signature.batch.flatMap(({ name, below }) =>
      below !== undefined && wanted.some((input) => input.name === name) ? { name, below } : [],
    )
    await checkSymbols(table, range, bounded)
  })
  if (fixed !== undefined && kept.rows < fixed)
    throw userError(
      'train.batch-too-large',
      `the evaluation takes ${fixed} rows at once and has ${kept.rows}, so that it would measure nothing; give it more rows`,
    )
  return { model, data: kept, batchSize: fixed ?? batchSize, everySteps: everySteps ?? perEpoch }
}
