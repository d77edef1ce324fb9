import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeRows, memoryTable } from '../../runtime/data/rows/index.ts'
import type { JobRequest } from '../../runtime/protocol/index.ts'
import { safetensorsOf } from './training-shard.ts'
import { type LinearStepInit, linearEvaluation, linearRows, linearState, linearStep } from './training-step.ts'

/** A request to train. */
export type TrainingRequest = Extract<JobRequest, { program: 'train' }>

/** Files of a training of {@link linearStep}: of `rows` rows the last tenth is kept for its evaluation. */
export async function linearTraining(
  dir: string,
  { rows = 2_000, ...init }: LinearStepInit & { readonly rows?: number } = {},
): Promise<TrainingRequest> {
  const { features = 3 } = init
  await mkdir(dir, { recursive: true })
  const path = (name: string) => join(dir, name)
  await writeFile(path('step.onnx'), linearStep(init))
  await writeFile(path('evaluation.onnx'), linearEvaluation(features))
  await writeFile(path('start.safetensors'), safetensorsOf(linearState(features)))
  const table = memoryTable(linearRows(rows, features))
  await pipeline(Readable.from(encodeRows(table)), createWriteStream(path('data.rows')))
  const held = Math.floor(rows / 10)
  return {
    program: 'train',
    model: path('step.onnx'),
    state: path('start.safetensors'),
    data: { path: path('data.rows'), rows: rows - held },
    seed: 11,
    learningRate: { kind: 'constant', rate: 0.001 },
    evaluation: { model: path('evaluation.onnx'), data: { path: path('data.rows'), firstRow: rows - held } },
  }
}
