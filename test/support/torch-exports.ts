import { readFileSync } from 'node:fs'

/** A model that PyTorch exported (`test/fixtures/onnx`, whose README says what each is). */
export interface TorchExport {
  readonly file: string
  readonly opset: number
  /** Names of the trajectories that training it follows. */
  readonly trajectories: readonly string[]
  readonly operators: readonly string[]
  /** PyTorch's name of each initializer that is a parameter; of a transposed matrix, whether it is. */
  readonly parameters: Readonly<Record<string, { readonly parameter: string; readonly transposed?: boolean }>>
}

/** Bytes for a graph's input, each times `scale` (default 1). */
interface Stored {
  readonly shape: readonly number[]
  readonly scale?: number
  readonly base64: string
}

/** What PyTorch did in 20 steps from the exported weights. */
export interface Trajectory {
  /** Name of the graph's input. */
  readonly input: string
  readonly pool: { readonly inputs: Stored; readonly labels: Stored }
  /** Rows of the pool that make the batch of each step. */
  readonly batches: readonly (readonly number[])[]
  /** PyTorch's name of the optimiser, and its settings by PyTorch's names. */
  readonly optimiser: { readonly kind: 'SGD' | 'AdamW' } & Readonly<Record<string, unknown>>
  /** Mean cross-entropy over all labels of the batch, before the update of the step. */
  readonly losses: readonly number[]
  /** Of the first row of the first batch, in evaluation mode: before training, and after it. */
  readonly logits_before: readonly number[]
  readonly logits_after: readonly number[]
  /** L2 norm by PyTorch's name: parameters and running statistics. */
  readonly norms_after: Readonly<Record<string, number>>
}

const FOLDER = new URL('../fixtures/onnx/', import.meta.url)

/** All models, in the order in which they are made. */
export function torchExports(): readonly TorchExport[] {
  return JSON.parse(readFileSync(new URL('models.json', FOLDER), 'utf8')).models
}

/** The bytes of a model, and its external data by the name it is known under in the file (none: empty). */
export function torchModel(file: string): { graph: Uint8Array; weights: Readonly<Record<string, Uint8Array>> } {
  const graph = new Uint8Array(readFileSync(new URL(file, FOLDER)))
  return file === 'transformer-default.onnx'
    ? { graph, weights: { [`${file}.data`]: new Uint8Array(readFileSync(new URL(`${file}.data`, FOLDER))) } }
    : { graph, weights: {} }
}

/** One trajectory by its name. */
export function torchTrajectory(name: string): Trajectory {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'))
}

/** One step's batch: inputs `[batch, ...]` as numbers (scaled), and its labels flattened; `shape` is the input's. */
export function torchBatch(
  { pool, batches }: Trajectory,
  step: number,
): { readonly shape: readonly number[]; readonly inputs: readonly number[]; readonly labels: readonly number[] } {
  const rows = batches[step]!
  const scale = pool.inputs.scale ?? 1
  return {
    shape: [rows.length, ...pool.inputs.shape.slice(1)],
    inputs: taken(pool.inputs, rows).map((value) => value * scale),
    labels: taken(pool.labels, rows),
  }
}

function taken({ shape, base64 }: Stored, rows: readonly number[]): number[] {
  const bytes = Buffer.from(base64, 'base64')
  const width = shape.slice(1).reduce((product, size) => product * size, 1)
  return rows.flatMap((row) => [...bytes.subarray(row * width, (row + 1) * width)])
}
