import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/index.ts'
import { readParts } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { model, tensor, value } from './onnx-models.ts'

/** How large an {@link exactJob} is. */
export interface ExactJobInit {
  readonly rows: number
  /** Columns of the rows and of the square matrix that is the model: 512 of them make a model of one chunk. */
  readonly size: number
  /** How often the matrix is multiplied by: how long a row takes. */
  readonly layers: number
  readonly random: Random
}

/** A job on disk whose result is known without an engine. */
export interface ExactJob {
  readonly model: string
  readonly input: string
  readonly outputDir: string
  /** Throws unless the parts hold every byte that they should. */
  check(): Promise<void>
  remove(): Promise<void>
}

/**
 * Writes a job that multiplies rows by a permutation matrix again and again: work for an engine, and exact whatever the
 * order of its sums. Model and rows come from `random`, so no worker knows the result of an earlier one.
 */
export async function exactJob(folder: string, name: string, init: ExactJobInit): Promise<ExactJob> {
  const { rows, size, layers, random } = init
  const order = shuffled(size, random)
  const x = Float32Array.from({ length: rows * size }, () => random.float() + 0.5)
  const [file, input] = [join(folder, `${name}.onnx`), join(folder, `${name}.arrow`)]
  const outputDir = join(folder, `${name}-result`)
  await writeFile(file, reordering(order, layers))
  await writeFile(input, arrowFile([toRowBatch({ x: tensorOf(x, [rows, size]) })]))
  return {
    model: file,
    input,
    outputDir,
    async check() {
      const { y } = await readParts(outputDir)
      const expected = new Float32Array(rows * size)
      for (let column = 0; column < size; column++) {
        let from = column
        for (let layer = 0; layer < layers; layer++) from = order[from]!
        for (let row = 0; row < rows; row++) expected[row * size + column] = x[row * size + from]!
      }
      assert.ok(y && Buffer.from(expected.buffer).equals(y.data), `${name}: every byte of its result`)
    },
    async remove() {
      for (const path of [file, input, outputDir]) await rm(path, { recursive: true, force: true })
    },
  }
}

/** A model of `x` and `y`, `[n, order.length] f32`, that puts column `order[i]` in the place of column `i`, `layers` times. */
export function reordering(order: readonly number[], layers: number): Uint8Array {
  const size = order.length
  const weights = new Float32Array(size * size)
  for (const [to, from] of order.entries()) weights[from * size + to] = 1
  const name = (i: number) => (i === 0 ? 'x' : i === layers ? 'y' : `h${i}`)
  return model({
    nodes: Array.from({ length: layers }, (_, i) => ({ op: 'MatMul', inputs: [name(i), 'w'], outputs: [name(i + 1)] })),
    inputs: [value('x', 'float32', ['n', size])],
    outputs: [value('y', 'float32', ['n', size])],
    initializers: [tensor('w', 'float32', [size, size], new Uint8Array(weights.buffer))],
  })
}

/** The numbers below `count`, in any order. */
export function shuffled(count: number, random: Random): number[] {
  const list = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}
