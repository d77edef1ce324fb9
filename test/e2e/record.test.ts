// timeout: 240 s
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadConfig, sha256, systemClock } from '../../runtime/base/index.ts'
import { adam, crossEntropy, dense, relu, sequential } from '../../runtime/compute/graph/index.ts'
import { readTar, tarOf } from '../../runtime/data/archive/index.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster, type LocalNode } from '../../runtime/local-cluster/index.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import type { BundleManifest, Verdict } from '../../runtime/node/record/index.ts'
import { type ReplayOptions, replayBundle } from '../../runtime/node/record/replay-bundle.ts'
import { gradients, training } from '../../runtime/node/training/index.ts'
import { linearTraining, type TrainingRequest } from '../support/training-files.ts'
import { codeOf } from '../swarm/identity/sample-keys.ts'

const test = suite('the record of a job')

const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))
let folder: string
let cluster: LocalCluster
let job: string
let request: TrainingRequest
/** The bundle of {@link job}, and where nothing but bundles is. */
let bundle: Buffer
let elsewhere: string

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-record-'))
  elsewhere = join(folder, 'elsewhere')
  await mkdir(elsewhere)
  cluster = await LocalCluster.start({ workers: 2, dir: join(folder, 'cluster') })
  request = await linearTraining(join(folder, 'files'), { keep: 0.8 })
  const outputDir = join(folder, 'result')
  const length = { steps: 600, stepsPerShard: 100, commitEvery: 50 }
  const script = { name: 'train.ts', text: 'export default 1' }
  const handle = await cluster.client.submit({ ...request, ...length, outputDir, script })
  job = handle.id
  await handle.done()
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function aivida(cwd: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { out, err, code }
}

/** Replays a bundle in this process, which is no node. */
async function replay(
  file: string,
  options: Pick<ReplayOptions, 'data' | 'tolerate' | 'first'> = {},
): Promise<Verdict> {
  const dir = await mkdtemp(join(folder, 'replay-'))
  const config = loadConfig({ system: { home: dir, cwd: dir, platform: process.platform } })
  const { signal } = new AbortController()
  const common = {
    dir,
    cacheDir: dataFolder(cluster.submitter.dataDir).cache,
    config,
    clock: systemClock,
    env: {},
    signal,
  }
  return replayBundle(join(elsewhere, file), { ...common, ...options })
}

function refusal(file: string): Promise<string | undefined> {
  return codeOf(() => replay(file))
}

/** The bundle with some of its files changed or left out. */
async function altered(
  name: string,
  change: (name: string, bytes: Buffer) => Buffer | undefined,
  from = 'job.tar',
): Promise<string> {
  const bundle = await readFile(join(elsewhere, from))
  const read = async (at: number, length: number) => bundle.subarray(at, at + length)
  const files = (await readTar({ sizeBytes: bundle.byteLength, read })).flatMap(({ name, at, sizeBytes }) => {
    const bytes = change(name, Buffer.from(bundle.subarray(at, at + sizeBytes)))
    return bytes ? [{ name, sizeBytes: bytes.byteLength, content: () => [bytes] }] : []
  })
  await writeFile(join(elsewhere, name), Buffer.concat(await Array.fromAsync(tarOf(files))))
  return name
}

/** The bundle with another manifest. */
function manifestChanged(file: string, change: (manifest: BundleManifest) => void, from?: string): Promise<string> {
  const changed = (name: string, bytes: Buffer) => {
    if (name !== 'manifest.json') return bytes
    const manifest = JSON.parse(bytes.toString())
    change(manifest)
    return Buffer.from(JSON.stringify(manifest))
  }
  return altered(file, changed, from)
}

test('a bundle made at the submitter is done again elsewhere, to the last bit of the final weights', async () => {
  const { dataDir } = cluster.submitter
  const made = await aivida(elsewhere, 'jobs', 'bundle', job, '--out', 'job.tar', '--data-dir', dataDir)
  assert.is(made.code, 0, made.err)
  bundle = await readFile(join(elsewhere, 'job.tar'))
  assert.not.ok(bundle.includes(folder), 'a path of the machine that made it')
  await aivida(elsewhere, 'jobs', 'bundle', job, '--out', 'again.tar', '--data-dir', dataDir)
  assert.is(sha256(await readFile(join(elsewhere, 'again.tar'))), sha256(bundle), 'the same record, other bytes')

  const { out, err, code } = await aivida(elsewhere, 'jobs', 'replay', 'job.tar', '--data-dir', 'none', '--json')
  assert.is(code, 0, `${err}${out}`)
  const parts = await cluster.client.job(job).parts()
  const [last] = parts.slice(-1)
  const classes = [last!.computedBy![0]!.determinismClass]
  const state = last!.checkpoint!.state.blob
  assert.equal(JSON.parse(out), {
    ...{ verdict: 'identical', classes, steps: 600, parts: parts.length, of: parts.length, state },
  })
})

test('a training by rounds is done again in one process to the bit, though a worker and the submitter were killed', async () => {
  const outputDir = join(folder, 'rounds')
  const rounds = { workers: { min: 2, max: 2 }, sync: 'diloco', recipe: { localSteps: 12 }, snapshotEvery: 3 } as const
  const changes = { steps: 240, commitEvery: 5, outputDir, name: 'rounds' }
  const handle = await cluster.client.submit({ ...request, ...changes, rounds })
  const kills = new Map<number, LocalNode>([
    [2, cluster.workers[0]!],
    [5, cluster.submitter],
  ])
  for await (const event of handle.events()) {
    if (event.type !== 'part') continue
    const victim = kills.get(event.part.index)
    kills.delete(event.part.index)
    await victim?.kill('SIGKILL')
    await victim?.restart()
  }
  const { state, error } = await handle.status()
  assert.is(state, 'done', error?.message)
  await writeFile(join(elsewhere, 'rounds.tar'), Buffer.concat(await Array.fromAsync(await handle.bundle())))
  const verdict = await replay('rounds.tar')
  assert.ok(verdict.verdict === 'identical', JSON.stringify(verdict))
  const { rounds: opened, parts } = await handle.record()
  const numbers = new Set(parts.flatMap(({ round }) => round?.round ?? []))
  const last = parts.findLast(({ checkpoint }) => checkpoint)!.checkpoint!
  assert.equal([verdict.parts, verdict.state, last.step], [numbers.size, last.state.blob, 240])
  assert.is(opened.length, numbers.size)

  const unreached = await manifestChanged(
    'unreached.tar',
    ({ record }) => {
      record.parts.findLast(({ checkpoint }) => checkpoint)!.checkpoint!.shared!.round = 63
    },
    'rounds.tar',
  )
  const forged = await replay(unreached)
  assert.is(forged.verdict === 'differs' && forged.at.what, 'record', 'a last state that is never compared')

  const page = join(folder, 'rounds.html')
  const { dataDir } = cluster.submitter
  const made = await aivida(folder, 'jobs', 'report', handle.id, '--out', page, '--data-dir', dataDir, '--json')
  assert.is(made.code, 0, made.err)
  assert.match(await readFile(page, 'utf8'), new RegExp(`All ${numbers.size} rounds`))
  const { workers } = JSON.parse(made.out)
  const steps = workers.reduce((sum: number, worker: { rows: number }) => sum + worker.rows, 0)
  assert.is(steps, 240, 'each batch counted once')
})

test('gradients averaged at every step are done again, too: each step has the rate that it had', async () => {
  const x = Float32Array.from({ length: 800 }, (_, i) => Math.sin(12.9898 * (i + 1)))
  const labels = Uint8Array.from({ length: 400 }, (_, row) => (x[2 * row + 1]! > x[2 * row]! ? 1 : 0))
  const { job: handle } = await cluster.client.train(
    training({
      ...{ model: sequential([dense(8), relu(), dense(2)]), loss: crossEntropy(), optimizer: adam(), batchSize: 20 },
      inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
      data: { x: tensorOf(x, [400, 2]), labels: tensorOf(labels) },
      ...{ steps: 16, workers: 2, sync: gradients({ compression: 'i8' }), outputDir: join(folder, 'gradients') },
      learningRate: { kind: 'cosine', rate: 0.01, warmUpSteps: 4, finalShare: 0.1 },
    }),
  )
  await handle.done()
  await writeFile(join(elsewhere, 'gradients.tar'), Buffer.concat(await Array.fromAsync(await handle.bundle())))
  const verdict = await replay('gradients.tar')
  const last = (await handle.parts()).findLast(({ checkpoint }) => checkpoint)!.checkpoint!
  assert.ok(verdict.verdict === 'identical' && verdict.state === last.state.blob, JSON.stringify(verdict))
})

test('a bundle without its rows names them, and takes them from beside it', async () => {
  const pieces = await cluster.client.job(job).bundle({ data: false })
  await writeFile(join(elsewhere, 'bare.tar'), Buffer.concat(await Array.fromAsync(pieces)))
  assert.is(await refusal('bare.tar'), 'bundle.no-data')
  const data = [join(folder, 'files', 'data.rows')]
  const two = await replay('bare.tar', { data, first: 2 })
  const [, second] = await cluster.client.job(job).parts()
  assert.ok(two.verdict === 'identical' && two.parts === 2 && two.state === second!.checkpoint!.state.blob)
})

test('what was altered is told by where it is; what breaks off or is newer is refused', async () => {
  const flip = (bytes: Buffer) => {
    bytes[bytes.byteLength - 1]! ^= 1
    return bytes
  }
  const blob = await altered('blob.tar', (name, bytes) => (name.startsWith('blobs/') ? flip(bytes) : bytes))
  assert.is(await refusal(blob), 'bundle.altered')
  const metrics = await altered('metrics.tar', (name, bytes) => (name.startsWith('metrics/') ? flip(bytes) : bytes))
  assert.is(await refusal(metrics), 'bundle.altered')
  const missing = await altered('missing.tar', (name, bytes) => (name.startsWith('blobs/') ? undefined : bytes))
  assert.is(await refusal(missing), 'bundle.malformed')
  await writeFile(join(elsewhere, 'short.tar'), bundle.subarray(0, bundle.byteLength >> 1))
  assert.is(await refusal('short.tar'), 'archive.malformed')
  const newer = await manifestChanged('newer.tar', (manifest) => Object.assign(manifest, { v: 2 }))
  assert.is(await refusal(newer), 'bundle.version')
})

test('a record that is not what was computed is told by the step where it parts', async () => {
  const other = 'f'.repeat(64)
  const committed = await manifestChanged('committed.tar', ({ record }) => {
    record.parts[2]!.computedBy![0]!.commitments![0] = other
  })
  const verdict = await replay(committed)
  assert.ok(verdict.verdict === 'differs')
  const { found, ...at } = verdict.at
  assert.match(found, /^[0-9a-f]{64}$/)
  assert.equal(at, { what: 'commitment', part: 2, step: at.step, expected: other })
  const seed = await manifestChanged('seed.tar', ({ record }) => {
    Object.assign(record.request, { seed: 12 })
  })
  const seeded = await replay(seed)
  assert.is(seeded.verdict === 'differs' && seeded.at.what, 'shard', 'the shards were made from another seed')
})

test('a class that this machine lacks is named; a few steps from each recorded state are compared instead', async () => {
  const recorded = 'ort-1.0.0/cpu/none-of-these/all'
  const foreign = ({ record }: BundleManifest) => {
    for (const by of record.parts.flatMap(({ computedBy = [] }) => computedBy)) by.determinismClass = recorded
  }
  const name = await manifestChanged('class.tar', foreign)
  const verdict = await replay(name)
  assert.ok(verdict.verdict === 'class missing' && verdict.recorded === recorded && verdict.part === 0)
  const tolerated = await replay(name, { tolerate: true })
  assert.ok(tolerated.verdict === 'within tolerance' && tolerated.checks.length >= 1)
  const rounds = await manifestChanged('rounds-class.tar', foreign, 'rounds.tar')
  const members = await replay(rounds, { tolerate: true })
  assert.ok(members.verdict === 'within tolerance' && members.checks.length === 2, JSON.stringify(members))
  const rate = await manifestChanged('rate.tar', (manifest) => {
    foreign(manifest)
    Object.assign(manifest.record.request, { learningRate: { kind: 'constant', rate: 0.0015 } })
  })
  assert.is((await replay(rate, { tolerate: true })).verdict, 'differs')
})

test.run()
