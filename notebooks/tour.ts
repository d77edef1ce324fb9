/**
 * `npm run tour`: three real nodes on this machine compute one shard, and each hop of its way is shown with the file that did
 * it. What is shown was overheard in the nodes (`tour/hops.ts`); `npm run tour -- 0` does not wait between the lines.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { arrowFile, toRowBatch } from '../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../runtime/data/tensor/index.ts'
import { crossEntropy, sgd, trainingStep } from '../runtime/index.ts'
import { LocalCluster } from '../runtime/local-cluster/index.ts'
import { mlp } from './models/mlp.ts'
import { HOPS, overhear } from './tour/hops.ts'
import type { Overheard } from './tour/overheard.ts'

const ROWS = 64
/** The last hop comes with a notice that is sent four times a second. Milliseconds. */
const LAST_HOP_MS = 5_000

const [paceMs = 280, ...others] = process.argv.slice(2).map(Number)
if (!(paceMs >= 0) || others.length > 0) {
  console.error('expected the milliseconds between two lines, or nothing; for example: npm run tour -- 1000')
  process.exit(2)
}

const folder = await mkdtemp(join(tmpdir(), 'aivida-tour-'))
const told = join(folder, 'overheard.jsonl')
await writeFile(told, '')
const listener = new URL('./tour/listener.ts', import.meta.url)
listener.searchParams.set('to', told)
const own: Overheard[] = []
overhear('you', (said) => own.push(said))

console.log('Starting three nodes: a submitter and two workers, talking QUIC on loopback ...')
const cluster = await LocalCluster.start({ workers: 2, dir: folder, importsOf: () => [listener.href] })
try {
  const model = join(folder, 'digits.onnx')
  const input = join(folder, 'rows.arrow')
  await writeFile(model, untrained())
  const pictures = new Uint8Array(ROWS * 28 * 28).map((_, i) => i % 256)
  await writeFile(input, arrowFile([toRowBatch({ images: tensorOf(pictures, [ROWS, 28, 28]) })]))
  const names = new Map((await cluster.client.peers()).map(({ peer, name }) => [peer, name]))
  console.log(
    `One shard of ${ROWS} pictures goes through an untrained network, and every hop says which file did it:\n`,
  )
  const job = await cluster.client.infer({
    name: 'the tour',
    model,
    input,
    rowsPerShard: ROWS,
    outputDir: join(folder, 'result'),
  })
  await job.done()
  const submittedMs = Math.min(...own.map(({ atMs }) => atMs))
  const heard = await allHeard(submittedMs)
  for (const { hop, node, atMs, facts } of heard) {
    const { says, file, does } = HOPS[hop]!
    const since = `${(atMs - submittedMs).toFixed(1)} ms`
    console.log(`${since.padStart(9)}  ${node.padEnd(9)}  ${says}: ${shortened(facts, names)}`)
    console.log(`${' '.repeat(22)}${file}  ${does}`)
    await delay(paceMs)
  }
  const missing = HOPS.filter((_, hop) => heard.every((said) => said.hop !== hop))
  console.log(`\nWhat it all means: runtime/ARCHITECTURE.md`)
  if (missing.length > 0) console.error(`not heard of: ${missing.map(({ says }) => says).join(', ')}`)
  process.exitCode = missing.length === 0 ? 0 : 1
} finally {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
}

/** What all processes told since then, in order, once the last hop was heard of. */
async function allHeard(sinceMs: number): Promise<Overheard[]> {
  const until = performance.now() + LAST_HOP_MS
  for (;;) {
    const lines = (await readFile(told, 'utf8')).split('\n').filter((line) => line !== '')
    const all = [...own, ...lines.map((line): Overheard => JSON.parse(line))]
    const heard = all.filter(({ atMs }) => atMs >= sinceMs) // before that, nodes tried their engines
    if (heard.some(({ hop }) => hop === HOPS.length - 1) || performance.now() > until)
      return heard.sort((a, b) => a.atMs - b.atMs || a.hop - b.hop)
    await delay(20)
  }
}

/** The inference graph of a network as it is before any training. */
function untrained(): Uint8Array {
  const { inference, initialState } = trainingStep({
    model: mlp,
    loss: crossEntropy(),
    optimizer: sgd(),
    inputs: { images: { dtype: 'uint8', shape: [28, 28] }, labels: { dtype: 'uint8', shape: [] } },
    batchSize: 1,
  })
  return inference(initialState())
}

/** Peers by their names; other ids by how they begin. */
function shortened(facts: string, names: ReadonlyMap<string, string>): string {
  return facts.replace(/\w{40,}/g, (id) => names.get(id) ?? id).replace(/\w{16,}/g, (id) => `${id.slice(0, 10)}…`)
}
