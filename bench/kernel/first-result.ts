import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mnist } from '../../datasets/mnist.ts'
import type { KernelClient } from '../../kernel/client/index.ts'
import { mlp } from '../../notebooks/models/mlp.ts'
import { untrainedModel } from '../../runtime/compute/graph/index.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { type Check, medianCheck } from '../report.ts'
import { figuresOf } from './cell-figures.ts'

const TRIES = 30
/** Of a job: as many as a researcher looks at first. */
const IMAGES = 256

/**
 * Milliseconds from `cluster.infer` of the MNIST perceptron in a cell to its first result, on a swarm of two workers that has done
 * such a job before. Both the model and the images are files, as they mostly are; with tensors in the cell's memory beside it.
 */
export async function firstResult(kernel: KernelClient, folder: string): Promise<Check[]> {
  const [model, input] = [join(folder, 'mlp.onnx'), join(folder, 'images.arrow')]
  const { tensors } = await openDataset(mnist, 'test')
  const { images } = tensors
  const rows = { ...images!, shape: [IMAGES, 28, 28], data: images!.data.subarray(0, IMAGES * 784) }
  await writeFile(model, untrainedModel({ model: mlp, inputs: { images: { dtype: 'uint8', shape: [28, 28] } } }))
  await writeFile(input, arrowFile([toRowBatch({ images: rows })]))
  const from = (what: string) => `
    for (let i = 0; i < ${TRIES + 3}; i++) {
      const startMs = performance.now()
      const job = cluster.infer({ model: ${JSON.stringify(model)}, input: ${what}, show: false })
      for await (const event of job) {
        if (event.type !== 'part') continue
        console.log('ms', performance.now() - startMs)
        break
      }
      const table = await job
      if (table.numRows !== ${IMAGES}) throw new Error('expected ${IMAGES} rows, found ' + table.numRows)
    }`
  const memory = `{ images: { values: new Uint8Array(${IMAGES} * 784), shape: [${IMAGES}, 28, 28] } }`
  const files = await figuresOf(kernel, from(JSON.stringify(input)), 'ms')
  const inMemory = await figuresOf(kernel, from(memory), 'ms')
  return [
    medianCheck({ name: 'first_result_ms', unit: 'ms', gate: '<= 100', goal: '<= 40' }, files.slice(3)),
    medianCheck({ name: 'first_result_in_memory_ms', unit: 'ms' }, inMemory.slice(3)),
  ]
}
