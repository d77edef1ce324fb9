import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelClient } from '../../kernel/client/index.ts'
import { type Check, medianCheck } from '../report.ts'
import { figuresOf } from './cell-figures.ts'
import { bytesOfItsOwn } from './resident.ts'

const MiB = 2 ** 20
const BYTES = 256 * MiB
const TRIES = 5
const LOOK_MS = 5

/**
 * How fast 256 MiB of f32 in a cell's memory come to the node: until it has them on disk, has hashed them and could serve them.
 * And how much memory of kernel and node together that takes at its peak, in multiples of the data; those themselves are not counted.
 */
export async function put(kernel: KernelClient, nodePid: number): Promise<Check[]> {
  await figuresOf(kernel, `const waves = new Float32Array(${BYTES / 4}).fill(0.5)`, '')
  const rates: number[] = []
  const peaks: number[] = []
  for (let i = 0; i < TRIES; i++) {
    await sleep(500) // what the last one left in memory is given back
    const before = bytesOfItsOwn(kernel.pid) + bytesOfItsOwn(nodePid)
    let peak = before
    let isOver = false
    const cell = figuresOf(
      kernel,
      `{
        waves[0] = ${i + 1}
        const startMs = performance.now()
        const entry = await cluster.data.put('waves', { x: { values: waves, shape: [${BYTES / 4096}, 1024] } })
        console.log('MB/s', ${BYTES / 1e6} / ((performance.now() - startMs) / 1e3))
        if (!entry.blob || entry.sizeBytes! < ${BYTES}) throw new Error('not all of it is there')
        await cluster.data.remove('waves.arrow')
      }`,
      'MB/s',
    ).finally(() => {
      isOver = true
    })
    while (!isOver) {
      peak = Math.max(peak, bytesOfItsOwn(kernel.pid) + bytesOfItsOwn(nodePid))
      await Promise.race([cell, sleep(LOOK_MS)])
    }
    rates.push(...(await cell))
    peaks.push((peak - before) / BYTES)
  }
  return [
    medianCheck({ name: 'put_mb_s', unit: 'MB/s', goal: '>= 500' }, rates),
    medianCheck({ name: 'put_rss_x', unit: 'x', goal: '<= 2' }, peaks),
  ]
}
