import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mobyDick } from '../../datasets/moby-dick.ts'
import { characterModel } from '../../notebooks/models/character-model.ts'
import { adam, crossEntropy, muon, nextTokens, type Optimizer } from '../../runtime/compute/graph/index.ts'
import { windowsOf } from '../../runtime/data/rows/index.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import { type TrainingDefinition, training } from '../../runtime/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LinkProxy, linkFlags, type ProxyCounts } from '../../test/support/link/link-proxy.ts'
import { CLEAR } from '../../test/support/link/network.ts'
import { CONTEXT } from './task.ts'

/** Members, and windows of {@link CONTEXT} characters that one learns from in a step: 512 characters. */
export const WORKERS = 4
const WINDOWS = 8
/** 20 Mbit/s each way, all of a node's traffic together, with 100 ms of queue: a home's line. */
const LINE = { bytesPerS: 2_500_000, burstBytes: 32_000, queueBytes: 250_000 }
/** From node to node; a round trip takes twice as long. */
const DELAY_MS = 25
const SEED = 60

/** One way to train the character model over home lines, at its own best rate, for as long as the loss needs. */
export interface HomeRun {
  readonly name: string
  readonly sync: NonNullable<TrainingDefinition['sync']>
  /** Steps of each member. */
  readonly steps: number
  readonly learningRate: number
  /** Of what is no matrix, as a share. */
  readonly restRate: number
}

/** What a {@link HomeRun} came to. */
export interface HomeResult {
  /** From the first step of any member, on trial or not, to the end of its last round. */
  readonly seconds: number
  /** On held-out text, after the last round. */
  readonly loss: number
  readonly rounds: number
  /** How its replicas were kept together, and why. */
  readonly sync: string
  /** Of what a worker's line could have carried up meanwhile, what it did not. Per cent. */
  readonly idlePct: number
  /** Through a worker's line, both ways, MB. */
  readonly megabytes: number
}

/** Trains the 0.82M character model by four workers, every node behind its line, and measures it on held-out text. */
export async function homeRun({ name, sync, steps, learningRate, restRate }: HomeRun): Promise<HomeResult> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  const terms = { ...CLEAR, seed: SEED, delayMs: DELAY_MS, up: LINE, down: LINE }
  await using proxy = LinkProxy.start({ terms })
  await using cluster = await LocalCluster.start({ workers: WORKERS, ...linkFlags(proxy) })
  try {
    const handle = await cluster.client.train(
      training({
        ...(await characters(muon({ restRate, rest: adam({ beta2: 0.99 }) }))),
        name,
        steps: steps * WORKERS,
        evaluateEvery: steps * WORKERS,
        learningRate: {
          kind: 'cosine',
          rate: learningRate,
          warmUpSteps: Math.round(0.05 * steps * WORKERS),
          finalShare: 0.05,
        },
        workers: WORKERS,
        sync,
        balance: 'equal',
        snapshotEvery: 64,
        deadline: { factor: 10, leastMs: 20_000 },
        outputDir: join(folder, 'out'),
      }),
    )
    let beganWallMs: number | undefined
    let [first, last]: (ProxyCounts | undefined)[] = [undefined, undefined]
    let said = ''
    for await (const event of handle.events()) {
      if (event.type === 'members' && event.sync) said = event.sync
      if (event.type === 'steps') beganWallMs ??= Date.now()
      if (event.type !== 'round') continue
      last = await proxy.counts()
      first ??= last
    }
    await handle.done()
    const parts = await handle.job.parts()
    const rounds = parts.flatMap(({ round }) => round ?? [])
    const checkpoints = parts.flatMap(({ checkpoint }) => checkpoint ?? [])
    const loss = checkpoints.findLast(({ validation }) => validation !== undefined)?.validation?.loss
    if (loss === undefined || rounds.length === 0 || !first || !last || !beganWallMs)
      throw new Error(`${name} was not measured`)
    const countedMs = rounds.at(-1)!.closedWallMs - rounds[0]!.closedWallMs
    const carried = workersOf(last, first)
    return {
      seconds: (rounds.at(-1)!.closedWallMs - beganWallMs) / 1_000,
      loss,
      rounds: rounds.length,
      sync: said,
      idlePct: 100 * (1 - carried.upBytes / ((LINE.bytesPerS * countedMs) / 1_000)),
      megabytes: (carried.upBytes + carried.downBytes) / 1e6,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The model, and the text to learn from and to be measured on: as the bench of training has them. */
async function characters(optimizer: Optimizer) {
  const text = await openDataset(mobyDick, 'train')
  const held = await openDataset(mobyDick, 'validation')
  const windows = { size: CONTEXT + 1 }
  return {
    model: characterModel({ vocabulary: text.table.columns[0]!.symbols!.length }),
    loss: crossEntropy(),
    optimizer,
    inputs: { tokens: { dtype: 'uint8', shape: [CONTEXT + 1] } },
    prepare: nextTokens(),
    batchSize: WINDOWS,
    metrics: [],
    seed: 1,
    // at every 16th character: a window at each of them would be 70 MB through the submitter's line, for a text of 1 MB
    data: windowsOf(text.tensors.characters!, { ...windows, stride: 16 }),
    validation: windowsOf(held.tensors.characters!, { ...windows, stride: 2 * CONTEXT }),
  } as const
}

/** What the mean worker's line carried between two counts. */
function workersOf({ lines: after }: ProxyCounts, { lines: before }: ProxyCounts) {
  const names = Object.keys(after).filter((name) => name.startsWith('worker'))
  const mean = (of: 'upBytes' | 'downBytes') =>
    names.reduce((sum, name) => sum + after[name]![of] - (before[name]?.[of] ?? 0), 0) / names.length
  return { upBytes: mean('upBytes'), downBytes: mean('downBytes') }
}
