import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { mnist } from '../../datasets/mnist.ts'
import { invariant } from '../../runtime/base/index.ts'
import { encodeRows, epochOrder, placesOf, type RowTable, roomFor, storedTable } from '../../runtime/data/rows/index.ts'
import { openBytes } from '../../runtime/data/sources/byte-source.ts'
import { openDataset, openSource, type TensorSpec } from '../../runtime/data/sources/index.ts'
import { type Check, medianCheck, type Suite } from '../report.ts'

const BATCH = 128
const SEED = 7
const CSV_ROWS = 20_000

/**
 * Rows a second on their way to training, on one core: MNIST in batches of 128 in the order of an epoch, from memory and
 * from a row file, with all of it in the cache and with room for an eighth; beside them the bare copies of the same rows,
 * interleaved. And how fast a data set is opened, with every byte checked, and CSV read.
 */
export const suite: Suite = async ({ full, say }) => {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-data-'))
  const rounds = full ? 9 : 3
  try {
    const rates = new Map<string, number[]>()
    const note = (name: string, rate: number) => rates.set(name, [...(rates.get(name) ?? []), rate])
    const startMs = performance.now()
    const { table, tensors } = await openDataset(mnist, 'train')
    const openMs = performance.now() - startMs
    const path = join(folder, 'mnist.rows')
    await pipeline(Readable.from(encodeRows(table)), createWriteStream(path))
    const cached = await storedTable(await openBytes(path), { identity: 'cached' })
    const small = await storedTable(await openBytes(path), { identity: 'small', cacheBytes: table.storedBytes / 8 })
    await assertAlike(table, cached)
    const csv = await writeCsv(join(folder, 'digits.csv'))
    for (let round = 0; round < rounds; round++) {
      note('bare_copies', bareCopies(tensors.images!.data, table, round))
      note('order', orderRate(table, round))
      note('memory', await gatherRate(table, round))
      note('row_file_cached', await gatherRate(cached, round))
      note('csv', await csvRate(csv))
      say(`round ${round + 1} of ${rounds}`)
    }
    note('row_file_eighth_cached', await gatherRate(small, 0, 20))
    const checks: Check[] = [...rates].map(([name, found]) => medianCheck({ name, unit: 'rows/s' }, found))
    const toBare = rates.get('memory')!.map((rate, i) => rate / rates.get('bare_copies')![i]!)
    checks.push(medianCheck({ name: 'memory_to_bare_copies', unit: 'x', goal: '>= 0.5' }, toBare))
    checks.push({ name: 'open_mnist_checked', value: Math.round(openMs), unit: 'ms', goal: '<= 500' })
    await Promise.all([cached.close(), small.close()])
    return { checks, seed: SEED, n: rounds }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** An epoch of a table, or its first `batches`, as training takes it. */
async function gatherRate(table: RowTable, epoch: number, batches = Math.floor(table.length / BATCH)): Promise<number> {
  const order = epochOrder(table, { seed: SEED, epoch })
  const room = roomFor(table.columns, BATCH)
  const startMs = performance.now()
  for (let at = 0; at < batches * BATCH; at += BATCH) await table.gather(placesOf(order, at, at + BATCH), room)
  return (batches * BATCH) / ((performance.now() - startMs) / 1_000)
}

/** The same rows by a plain loop over places that are known: what no table can beat. */
function bareCopies(images: Uint8Array, table: RowTable, epoch: number): number {
  const rowBytes = images.byteLength / table.length
  const places = placesOf(epochOrder(table, { seed: SEED, epoch }), 0, table.length)
  const target = new Uint8Array(BATCH * rowBytes)
  const startMs = performance.now()
  for (let i = 0; i < places.length; i++) {
    const from = places[i]! * rowBytes
    target.set(images.subarray(from, from + rowBytes), (i % BATCH) * rowBytes)
  }
  return places.length / ((performance.now() - startMs) / 1_000)
}

function orderRate(table: RowTable, epoch: number): number {
  const startMs = performance.now()
  placesOf(epochOrder(table, { seed: SEED, epoch }), 0, table.length)
  return table.length / ((performance.now() - startMs) / 1_000)
}

/** Digits as Kaggle writes them: a label and 784 pixels a line. */
async function writeCsv(path: string): Promise<string> {
  const header = ['label', ...Array.from({ length: 784 }, (_, i) => `pixel${i}`)].join()
  const line = Array.from({ length: 785 }, (_, i) => i % 256).join()
  await writeFile(path, `${header}\n${`${line}\n`.repeat(CSV_ROWS)}`)
  return path
}

async function csvRate(path: string): Promise<number> {
  const inputs: TensorSpec[] = [
    { name: 'images', dtype: 'uint8', shape: ['n', 28, 28] },
    { name: 'label', dtype: 'uint8', shape: ['n'] },
  ]
  const startMs = performance.now()
  const source = await openSource(path, { inputs, columns: { images: 'pixel*' }, rowsPerBatch: 1_024 })
  let rows = 0
  for await (const batch of source.batches()) rows += batch.rows
  await source.close()
  invariant(rows === CSV_ROWS, 'all rows were read')
  return rows / ((performance.now() - startMs) / 1_000)
}

async function assertAlike(a: RowTable, b: RowTable): Promise<void> {
  const places = placesOf(epochOrder(a, { seed: SEED, epoch: 99 }), 0, 4_096)
  const [left, right] = [await a.gather(places), await b.gather(places)]
  for (const { name } of a.columns)
    invariant(
      Buffer.compare(left[name]!.data, right[name]!.data) === 0,
      `a row file gives the ${name} that were written`,
    )
}
