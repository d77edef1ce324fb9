// timeout: 150 s
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AividaError, isAividaError } from '../../runtime/base/index.ts'
import { adam, crossEntropy, dense, relu, sequential } from '../../runtime/compute/graph/index.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import {
  diloco,
  gradients,
  type TrainingDefinition,
  type TrainingEvent,
  type TrainingHandle,
  type TrainingRound,
  training,
} from '../../runtime/node/training/index.ts'

const test = suite('training over several workers, from a client')

const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))
const README = new URL('../../README.md', import.meta.url)
const ROWS = 2_000
const x = Float32Array.from({ length: 2 * ROWS }, (_, i) => Math.sin(12.9898 * (i + 1)))
/** Which of two numbers is the larger one. */
const LARGER = {
  model: sequential([dense(8), relu(), dense(2)]),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 20,
  data: {
    x: tensorOf(x, [ROWS, 2]),
    labels: tensorOf(Uint8Array.from({ length: ROWS }, (_, row) => (x[2 * row + 1]! > x[2 * row]! ? 1 : 0))),
  },
  validation: { share: 0.1 },
  steps: 180,
  learningRate: 0.02,
  seed: 3,
} satisfies TrainingDefinition
/** The same as a file. */
const NETWORK = `
import { adam, crossEntropy, dense, relu, sequential, tensorOf, training } from 'aivida'
const x = Float32Array.from({ length: 4_000 }, (_, i) => Math.sin(12.9898 * (i + 1)))
const labels = Uint8Array.from({ length: 2_000 }, (_, row) => (x[2 * row + 1]! > x[2 * row]! ? 1 : 0))
export default training({
  model: sequential([dense(8), relu(), dense(2)]),
  loss: crossEntropy(),
  optimizer: adam(),
  inputs: { x: { dtype: 'float32', shape: [2] }, labels: { dtype: 'uint8', shape: [] } },
  batchSize: 20,
  data: { x: tensorOf(x, [2_000, 2]), labels: tensorOf(labels) },
  steps: 160,
  learningRate: 0.02,
})
`
let folder: string
let cluster: LocalCluster

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aivida-together-'))
  cluster = await LocalCluster.start({ workers: 2, dir: join(folder, 'cluster') })
})
test.after(async () => {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

type Events = { readonly [T in TrainingEvent['type']]: Extract<TrainingEvent, { type: T }>[] }

/** Trains to the end, which `heard` may bring about. */
async function train(
  changes: Partial<TrainingDefinition>,
  heard: (event: TrainingEvent, handle: TrainingHandle) => unknown = () => {},
) {
  const handle = await cluster.client.train(training({ ...LARGER, ...changes } as TrainingDefinition))
  const events: Events = { steps: [], checkpoint: [], round: [], members: [] }
  for await (const event of handle.events()) {
    ;(events[event.type] as TrainingEvent[]).push(event)
    await heard(event, handle)
  }
  return { handle, events, status: await handle.job.status() }
}

function learnedBy(rounds: readonly TrainingRound[]): Record<string, number> {
  const batches: Record<string, number> = {}
  for (const { name, batches: count } of rounds.flatMap(({ members }) => members))
    batches[name] = (batches[name] ?? 0) + count
  return batches
}

test('two workers learn one model by rounds; every batch counts once, and the handle tells it all', async () => {
  const { handle, events, status } = await train({ workers: 2, sync: diloco({ localSteps: 5 }) })
  assert.is(status.state, 'done', status.error?.message)
  assert.equal(status.rows, { read: 0, done: 180, total: 180 })
  const rounds = await handle.rounds()
  assert.equal(
    rounds,
    events.round.map(({ type, ...round }) => round),
  )
  const batches = learnedBy(rounds)
  assert.equal(Object.keys(batches).sort(), ['worker-1', 'worker-2'])
  assert.is(batches['worker-1']! + batches['worker-2']!, 180)
  assert.is(rounds.at(-1)!.step, 180)
  for (const { bytes, excluded, rowsPerSecond } of rounds) {
    assert.ok(bytes.up > 0 && bytes.up < 200 && bytes.down > 0, `${bytes.up} up, ${bytes.down} down`)
    assert.equal(excluded, [])
    assert.ok(rowsPerSecond > 0)
  }
  assert.ok(rounds.at(-1)!.metrics.loss! < rounds[0]!.metrics.loss! / 2, 'nothing is learnt')
  assert.ok(events.members.some(({ members }) => members.length === 2))
  const [last] = (await handle.checkpoints()).slice(-1)
  assert.ok(last?.step === 180 && last.validation!.accuracy! > 0.9, JSON.stringify(last))
  assert.equal(events.checkpoint.map(({ step }) => step).at(-1), 180)
  const table = await handle.job.result()
  assert.is(table.numRows, 180)
  assert.ok((await handle.model()).byteLength > 0)
})

test('gradients of every step, averaged as they are', async () => {
  const { handle, status } = await train({ workers: 2, sync: gradients(), steps: 40 })
  assert.is(status.state, 'done', status.error?.message)
  const rounds = await handle.rounds()
  assert.is(rounds.length, 20)
  assert.equal(learnedBy(rounds), { 'worker-1': 20, 'worker-2': 20 })
})

test('what auto found best is said in a line', async () => {
  const { events, status } = await train({ workers: 2, steps: 300 })
  assert.is(status.state, 'done', status.error?.message)
  assert.match(events.members.at(-1)?.sync ?? '', /step takes/)
})

test('one worker is enough for rounds', async () => {
  const { handle, status } = await train({ workers: 1, sync: diloco({ localSteps: 10 }), steps: 40 })
  assert.is(status.state, 'done', status.error?.message)
  assert.equal(
    (await handle.rounds()).map(({ members }) => members.length),
    [1, 1, 1, 1],
  )
})

test('who is waited for is told at once, and what waits can be cancelled', async () => {
  const sinceMs = performance.now()
  let toldMs = Number.POSITIVE_INFINITY
  const { events, status } = await train({ workers: 3, sync: diloco() }, (event, handle) => {
    if (event.type !== 'members' || !event.waits) return
    toldMs = Math.min(toldMs, performance.now() - sinceMs)
    return handle.job.cancel('enough')
  })
  assert.is(status.state, 'cancelled')
  assert.match(events.members[0]!.waits!, 'waits for 3 workers, 2 are here')
  assert.ok(toldMs < 2_000, `told after ${toldMs} ms`)
})

test('a training that is cancelled within a round leaves its workers free', async () => {
  const long = { workers: 2, sync: diloco({ localSteps: 50_000 }), steps: 10 ** 7 }
  const { status } = await train(long, (event, { job }) => event.type === 'steps' && job.cancel('enough'))
  assert.is(status.state, 'cancelled')
  const { status: next } = await train({ workers: 2, sync: diloco({ localSteps: 5 }), steps: 20 })
  assert.is(next.state, 'done', next.error?.message)
})

test('what workers cannot do is refused when it is submitted', async () => {
  const compression = { kind: 'q9' } as never
  const sync = { sync: 'diloco', recipe: { up: compression, down: compression } } as const
  const failure: AividaError = await train({ workers: 2, sync }).then(
    () => assert.unreachable(),
    (error) => error,
  )
  assert.ok(isAividaError(failure), `${failure}`)
  assert.match(failure.message, /q9/)
  assert.match(failure.message, /q2/)
})

/** `aivida train`, until it has said something, and then Ctrl-C; or to its end. */
async function aividaTrain(args: readonly string[], until?: RegExp) {
  const where = ['--data-dir', cluster.submitter.dataDir]
  const child = spawn(process.execPath, [MAIN, 'train', ...where, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err, interrupted] = ['', '', false]
  child.stdout.on('data', (bytes) => {
    out += bytes
  })
  child.stderr.on('data', (bytes) => {
    err += bytes
    if (!interrupted && until?.test(err)) interrupted = child.kill('SIGINT') // a second one would end it at once
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { out, err, code }
}

test('aivida train, with what the README says of several machines', async () => {
  const [, section = ''] = (await readFile(README, 'utf8')).split('### Over several machines')
  await writeFile(join(folder, 'network.ts'), NETWORK)
  await writeFile(join(folder, 'together.ts'), /```ts\n(.*?)```/s.exec(section)![1]!)
  const { out, err, code } = await aividaTrain(['together.ts'])
  assert.is(code, 0, err)
  assert.match(err, /trained by worker-1, worker-2\n/)
  const round = /step \d+\/160, round \d+, loss \d.*, [\d,]+ rows\/s, 2 members, [\d.]+ \w+ up, [\d.]+ \w+ down each/
  assert.ok(round.test(err), err)
  assert.match(out, /rounds {3}\d+ closed/)
  const waiting = await aividaTrain(['network.ts', '--workers', '3', '--sync', 'diloco'], /waits for/)
  assert.match(waiting.err, /waits for 3 workers, 2 are here/)
  assert.is(waiting.code, 130)
  const wrong = await aividaTrain(['network.ts', '--workers', 'two'])
  assert.match(wrong.err, /expected a number of workers such as 4, or a range such as 2-8/)
  const alone = await aividaTrain(['network.ts', '--sync', 'diloco'])
  assert.match(alone.err, /train\.option: sync is an option of trainings over several workers/)
})

test.run()
