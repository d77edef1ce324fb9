import type { TrainingRecord } from '../../../runtime/node/record/index.ts'
import { type ResultPart, trainRequestSchema } from '../../../runtime/protocol/index.ts'

/** A digest of nothing. */
export const digest = (character: string) => character.repeat(64)
/** A blob of nothing. */
export const blob = (character: string, sizeBytes = 100) => ({ blob: digest(character), sizeBytes })
/** A peer id that looks real. */
export const peer = (character: string) => `12D3Koo${character.repeat(45)}`
/** When sample jobs were made. Ms. */
export const MADE_WALL_MS = 1_750_000_000_000

/** A part of the chain: 100 steps. */
export function chainPart(index: number, changes: Partial<ResultPart> = {}): ResultPart {
  return {
    index,
    file: `part-0000${index}.arrow`,
    firstRow: 100 * index,
    rows: 100,
    sha256: digest('5'),
    shard: digest(String(index)),
    checkpoint: { step: 100 * (index + 1), state: blob(String(index)), validation: { loss: 1 / (index + 1) } },
    computedBy: [
      {
        ...{ peer: peer('A'), determinismClass: 'ort-1.30.0/cpu/x64-avx2/all', shards: 1, computeMs: 500 },
        commitments: [digest('7')],
      },
    ],
    atWallMs: MADE_WALL_MS + 1_000 * (index + 1),
    ...changes,
  }
}

/** A training of three shards by one worker. */
export function trainingRecord(changes: Partial<TrainingRecord> = {}): TrainingRecord {
  const request = trainRequestSchema.parse({
    program: 'train',
    model: '/made/here/step.onnx',
    state: '/made/here/state.safetensors',
    data: { path: '/made/here/data.rows' },
    steps: 300,
    stepsPerShard: 100,
    learningRate: { kind: 'constant', rate: 0.1 },
    evaluation: { model: '/made/here/evaluation.onnx', data: { path: '/made/here/data.rows' } },
    outputDir: '/made/here/result',
    script: { name: 'train.ts', text: 'export default training({})' },
  })
  const evaluation = {
    ...{ model: { graph: blob('e'), weights: [] }, data: { table: blob('d'), firstRow: 900, rows: 100 } },
    ...{ batchSize: 100, everySteps: 100 },
  }
  return {
    ...{ job: 'job-0000000000000000', name: 'sample', state: 'done', createdWallMs: MADE_WALL_MS },
    finishedWallMs: MADE_WALL_MS + 3_500,
    request,
    model: { graph: blob('a'), weights: [] },
    training: {
      ...{ state: blob('b'), data: { table: blob('d'), firstRow: 0, rows: 900 }, steps: 300, batchSize: 9, evaluation },
    },
    workers: [{ peer: peer('A'), name: 'worker-1', shards: 3, rows: 300, computeMs: 1_500 }],
    bytes: { sent: 1_000, received: 2_000 },
    rounds: [],
    parts: [0, 1, 2].map((index) => chainPart(index)),
    versions: { aivida: '0.1.0', node: '24.0.0', protocol: '/aivida/control/1' },
    ...changes,
  }
}
