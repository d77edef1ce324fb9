import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderTextLines, textRecogniser } from '../../datasets/text-lines/index.ts'
import { seededRandom } from '../../runtime/base/index.ts'
import { readParts } from '../../runtime/data/sources/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { concatRows, rowCount, sliceRows, type Tensor } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { type Check, medianCheck, round, type Suite } from '../report.ts'

const SEED = 1851
const ROWS_PER_SHARD = 16
const WIDTH = 320

/**
 * Batch inference of the PP-OCRv4 recogniser: two one-thread workers of a local cluster against two plain onnxruntime
 * processes on the same composite graph and the same lines, interleaved; then what a node costs at rest.
 */
export const suite: Suite = async ({ full, say }) => {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  const count = 1_280
  const rounds = full ? 9 : 5
  const files = {
    model: join(folder, 'model.onnx'),
    pixels: join(folder, 'lines.bin'),
  }
  say(`drawing ${count} lines`)
  const { images } = await renderTextLines({ count, random: seededRandom(SEED), width: WIDTH })
  await writeFile(files.model, (await textRecogniser()).model)
  await writeFile(files.pixels, images.data)

  const bare = await startBare(files, count)
  const startMs = performance.now()
  const cluster = await LocalCluster.start({ workers: 2 })
  try {
    const runJob = jobRunner(cluster, files.model, images, folder)
    const first = await runJob()
    const endToEndMs = performance.now() - startMs
    await assertSame(first.outputDir, await bare.outputs())
    say('results agree with plain onnxruntime to the bit; timing')
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let i = 0; i < rounds; i++) {
      theirs.push(await bare.pass())
      ours.push((await runJob()).ms)
      say(`round ${i + 1}: bare ${Math.round(theirs.at(-1)!)} ms, cluster ${Math.round(ours.at(-1)!)} ms`)
    }
    const suspect = await suspicion(cluster)
    const checks: Check[] = [
      medianCheck(
        { name: 'efficiency', unit: 'x', gate: '>= 0.9', goal: '>= 0.95' },
        ours.map((ms, i) => theirs[i]! / ms),
      ),
      {
        name: 'efficiency_end_to_end',
        value: round((bare.startMs + bare.firstMs) / endToEndMs),
        unit: 'x',
      },
      medianCheck(
        { name: 'lines_per_s', unit: 'lines/s' },
        ours.map((ms) => (count / ms) * 1_000),
      ),
      { name: 'suspect_s', value: round(suspect), unit: 's' },
      ...(await atRest(say)),
    ]
    return { checks, seed: SEED, n: rounds }
  } finally {
    bare.stop()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Files {
  readonly model: string
  readonly pixels: string
}

/**
 * Runs the job once; milliseconds from submission to the last part on disk. Workers remember results, so each run has
 * the lines in another order, turned by one: no shard comes twice.
 */
function jobRunner(cluster: LocalCluster, model: string, images: Tensor, folder: string) {
  let runs = 0
  return async (): Promise<{ ms: number; outputDir: string }> => {
    const outputDir = join(folder, `result-${runs}`)
    const input = join(folder, `lines-${runs}.arrow`)
    await writeFile(input, arrowFile([toRowBatch({ pixels: turned(images, runs++) })]))
    const startMs = performance.now()
    const job = await cluster.client.infer({ model, input, outputDir, rowsPerShard: ROWS_PER_SHARD })
    await job.done()
    return { ms: performance.now() - startMs, outputDir }
  }
}

/** The same rows, beginning with row `by` and ending with those before it. */
function turned(tensor: Tensor, by: number): Tensor {
  const rows = rowCount(tensor)
  return by === 0 ? tensor : concatRows([sliceRows(tensor, by, rows), sliceRows(tensor, 0, by)])
}

/** Two plain processes, each with half of the lines. */
async function startBare({ model, pixels }: Files, count: number) {
  const startMs = performance.now()
  const halves: ChildProcess[] = []
  for (const [from, to] of [
    [0, count / 2],
    [count / 2, count],
  ]) {
    const args = [model, pixels, from, to, WIDTH, ROWS_PER_SHARD].map(String)
    halves.push(
      fork(fileURLToPath(new URL('../bare-process.ts', import.meta.url)), args, { serialization: 'advanced' }),
    )
  }
  await Promise.all(halves.map((half) => once(half, 'message')))
  const ask = async (message: string): Promise<unknown[]> => {
    const answers = halves.map((half) => once(half, 'message'))
    for (const half of halves) half.send(message)
    return (await Promise.all(answers)).map(([answer]) => answer)
  }
  const pass = async () => {
    const beganMs = performance.now()
    await ask('go')
    return performance.now() - beganMs
  }
  const readyMs = performance.now() - startMs
  const firstMs = await pass()
  return {
    startMs: readyMs,
    firstMs,
    pass,
    outputs: async () => (await ask('outputs')) as { characters: Uint8Array; confidences: Uint8Array }[],
    stop: () => {
      for (const half of halves) half.disconnect()
    },
  }
}

async function assertSame(
  outputDir: string,
  expected: readonly { characters: Uint8Array; confidences: Uint8Array }[],
): Promise<void> {
  const found = await readParts(outputDir)
  for (const name of ['characters', 'confidences'] as const) {
    const bytes = Buffer.concat(expected.map((half) => half[name]))
    if (!found[name] || !bytes.equals(found[name].data)) throw new Error(`${name} differ from plain onnxruntime's`)
  }
}

/** Seconds from a SIGKILL to the submitter's suspicion. */
async function suspicion(cluster: LocalCluster): Promise<number> {
  const [worker] = cluster.workers
  const events = cluster.client.events()
  const beganMs = performance.now()
  await worker!.kill('SIGKILL')
  for await (const event of events)
    if (event.type === 'peer' && event.peer.name === worker!.name && event.peer.state === 'suspect') break
  return (performance.now() - beganMs) / 1_000
}

/** Memory and start of a node that has nothing to do. */
async function atRest(say: (line: string) => void): Promise<Check[]> {
  const [ready, idle]: [number[], number[]] = [[], []]
  for (let i = 0; i < 3; i++) {
    const startMs = performance.now()
    const cluster = await LocalCluster.start({ workers: 0 })
    ready.push(performance.now() - startMs)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    idle.push(await proportionalMb(cluster.submitter.pid))
    await cluster.stop()
  }
  say('measured nodes at rest')
  return [
    medianCheck({ name: 'idle_mb', unit: 'MB', goal: '<= 220' }, idle),
    medianCheck({ name: 'ready_ms', unit: 'ms' }, ready),
  ]
}

/** Memory of a process and its children, shared pages counted by share (PSS), MB. */
async function proportionalMb(pid: number): Promise<number> {
  const tree = [pid, ...(await descendants(pid))]
  const each = await Promise.all(
    tree.map(async (id) => {
      const text = await readFile(`/proc/${id}/smaps_rollup`, 'utf8').catch(() => '')
      return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0)
    }),
  )
  return each.reduce((sum, kib) => sum + kib, 0) / 1_000
}

async function descendants(pid: number): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(
    all.map(async (name) => {
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
      return [Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const
    }),
  )
  const children = parents.filter(([, parent]) => parent === pid).map(([id]) => id)
  return [...children, ...(await Promise.all(children.map(descendants))).flat()]
}
