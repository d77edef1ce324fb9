import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../runtime/base/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { model, tensor, value } from './onnx-models.ts'

const COLUMNS = 256

/** A model of one input `x` and one output `y`, both `[n, 256] f32`, that takes its time with every row. */
export function slowModel(layers: number): Uint8Array {
  const weights = slowWeights()
  const name = (i: number) => (i === 0 ? 'x' : i === layers ? 'y' : `h${i}`)
  return model({
    nodes: Array.from({ length: layers }, (_, i) => [
      { op: 'MatMul', inputs: [name(i), 'w'], outputs: [`m${i}`] },
      { op: 'Tanh', inputs: [`m${i}`], outputs: [name(i + 1)] },
    ]).flat(),
    inputs: [value('x', 'float32', ['n', COLUMNS])],
    outputs: [value('y', 'float32', ['n', COLUMNS])],
    initializers: [tensor('w', 'float32', [COLUMNS, COLUMNS], new Uint8Array(weights.buffer))],
  })
}

/** Writes the model and `rows` rows of seeded input into a folder. */
export async function slowJob(
  folder: string,
  { rows, layers }: { readonly rows: number; readonly layers: number },
): Promise<{ readonly model: string; readonly input: string }> {
  const random = seededRandom(rows)
  const x = tensorOf(
    Float32Array.from({ length: rows * COLUMNS }, () => random.float() - 0.5),
    [rows, COLUMNS],
  )
  const files = { model: join(folder, 'slow.onnx'), input: join(folder, 'rows.arrow') }
  await writeFile(files.model, slowModel(layers))
  await writeFile(files.input, arrowFile([toRowBatch({ x })]))
  return files
}

/** The `y` of one row of a {@link slowJob}, computed here. It shrinks by 0.58 a layer: beyond 150 little is left of it. */
export function slowRow({ rows, layers }: { readonly rows: number; readonly layers: number }, row: number): number[] {
  const random = seededRandom(rows)
  for (let i = 0; i < row * COLUMNS; i++) random.float()
  const weights = slowWeights()
  let values = Array.from({ length: COLUMNS }, () => Math.fround(random.float() - 0.5))
  for (let layer = 0; layer < layers; layer++)
    values = values.map((_, column) =>
      Math.tanh(values.reduce((sum, value, i) => sum + value * weights[i * COLUMNS + column]!, 0)),
    )
  return values
}

function slowWeights(): Float32Array {
  const random = seededRandom(7)
  return Float32Array.from({ length: COLUMNS * COLUMNS }, () => (random.float() - 0.5) / 8)
}
