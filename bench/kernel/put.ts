import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelClient } from '../../kernel/client/index.ts'
import type { LocalCluster } from '../../runtime/local-cluster/index.ts'
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
export async function put(kernel: KernelClient, { submitter, client }: LocalCluster): Promise<Check[]> {
  await figuresOf(kernel, `const waves = Float32Array.from({ length: ${BYTES / 4} }, (_, j) => j)`, '')
  const rates: number[] = []
  const peaks: number[] = []
  const inMemory = () => bytesOfItsOwn(kernel.pid) + bytesOfItsOwn(submitter.pid)
  for (let first = 1; first <= TRIES; first++) {
    await sleep(500) // what the last one left in memory is given back
    const before = inMemory()
    let peak = before
    let isOver = false
    const cell = figuresOf(
      kernel,
      `{
        waves[0] = ${first}
        const startMs = performance.now()
        await cluster.data.put('waves', { x: { values: waves, shape: [${BYTES / 4096}, 1024] } })
        console.log('MB/s', ${BYTES / 1e6} / ((performance.now() - startMs) / 1e3))
      }`,
      'MB/s',
    ).finally(() => {
      isOver = true
    })
    while (!isOver) {
      peak = Math.max(peak, inMemory())
      await Promise.race([cell, sleep(LOOK_MS)])
    }
    rates.push(...(await cell))
    peaks.push((peak - before) / BYTES)
    const [entry] = await client.data()
    if (!entry?.blob || !(await holds(entry.path!, first))) throw new Error('what was put is not what is there')
    await client.removeData(entry.name)
  }
  return [
    medianCheck({ name: 'put_mb_s', unit: 'MB/s', goal: '>= 500' }, rates),
    medianCheck({ name: 'put_rss_x', unit: 'x', goal: '<= 2' }, peaks),
  ]
}

/** Whether an Arrow file has the values `first`, 1, 2, 3 and so on, one after the other. */
async function holds(path: string, first: number): Promise<boolean> {
  await using file = await open(path)
  const values = Float32Array.from({ length: MiB / 4 }, (_, j) => (j === 0 ? first : j))
  const found = Buffer.alloc(MiB)
  await file.read(found)
  const start = found.indexOf(Buffer.from(values.buffer, 0, 64))
  if (start < 0) return false
  for (let at = 0; at < BYTES; at += MiB) {
    if (at > 0) for (let j = 0; j < values.length; j++) values[j] = at / 4 + j
    const { bytesRead } = await file.read(found, 0, MiB, start + at)
    if (bytesRead < MiB || !found.equals(Buffer.from(values.buffer))) return false
  }
  return true
}
