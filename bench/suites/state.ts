import { createWriteStream, readFileSync } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { systemClock } from '../../runtime/base/index.ts'
import { EngineChild } from '../../runtime/compute/engine/index.ts'
import {
  costOfModel,
  type Layer,
  layer,
  readModel,
  sgd,
  trainingStep,
  zeros,
} from '../../runtime/compute/graph/index.ts'
import { stateFile, tensorsIn } from '../../runtime/compute/training/index.ts'
import { openBytes } from '../../runtime/data/sources/byte-source.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { readSafetensors, safetensorsHead } from '../../runtime/data/tensor/safetensors.ts'
import type { Suite } from '../report.ts'

const PARTS = 12
const [ROWS, COLUMNS] = [4_096, 16_384] // 256 MiB of f32
const PART_BYTES = 4 * ROWS * COLUMNS
const START = 0.5

/**
 * A model of 3 GB takes one step and leaves as a file: memory of the engine child at its peak, by what has to be there -
 * the state that is read, the one that is written, and intermediate values, as `graph/cost.ts` counts them.
 */
export const suite: Suite = async ({ say }) => {
  const dir = await mkdtemp(join(tmpdir(), 'aivida-state-'))
  const child = new EngineChild({ clock: systemClock, memoryBytes: 16 * 2 ** 30 })
  try {
    const { step, signature } = trainingStep({
      model: squares,
      loss: (s, { output }) => ({ loss: s.g.mean(output!, undefined, false) }),
      optimizer: sgd(),
      inputs: { x: { dtype: 'float32', shape: [1] } },
      batchSize: 1,
      metrics: [],
    })
    const [before, after] = [join(dir, 'before.safetensors'), join(dir, 'after.safetensors')]
    const chunk = new Uint8Array(new Float32Array(1 << 20).fill(START).buffer)
    const chunks = Array.from({ length: (PARTS * PART_BYTES) / chunk.byteLength }, () => chunk)
    await pipeline(Readable.from([safetensorsHead(signature.state), ...chunks]), createWriteStream(before))
    const file = await openBytes(before)
    const session = await child.load({ graph: step })
    const training = await session.train({
      state: await tensorsIn(file, signature.state),
      frozen: [],
      metrics: signature.metrics,
    })
    await file.close()
    say('the state is in the child')
    const group = async function* () {
      const tensors = { x: tensorOf(Float32Array.of(1), [1, 1]) }
      yield { steps: [{ tensors, scalars: { learningRate: 0.25 * ROWS * COLUMNS } }], commit: false }
    }
    let loss = Number.NaN
    await training.run(group(), { onStepped: ({ metrics }) => (loss = metrics[0]![0]!) })
    await pipeline(Readable.from(stateFile(signature, training, 1)), createWriteStream(after))
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))![1]) * 1024
    await check(after, loss)
    const { activationBytes } = costOfModel(readModel(step))
    const counted = 2 * PARTS * PART_BYTES + activationBytes
    say(`${(activationBytes / 2 ** 30).toFixed(2)} GiB of intermediate values as counted`)
    say(`${((await stat(after)).size / 2 ** 30).toFixed(2)} GiB left; ${(peak / 2 ** 30).toFixed(2)} GiB at the peak`)
    return {
      checks: [
        { name: 'child_peak_vs_counted', value: Math.round((peak / counted) * 1000) / 1000, unit: 'x', gate: '<= 1.4' },
      ],
      seed: 0,
      n: 1,
    }
  } finally {
    await child.kill()
    await rm(dir, { recursive: true, force: true })
  }
}

/** `x` and the means of the squares of some matrices: nothing but state. */
const squares: Layer = layer('squares', {}, (s, x) => {
  const { g } = s
  let sum = g.mean(x, undefined, false)
  for (let i = 0; i < PARTS; i++) {
    const w = s.parameter(`w${i}`, { shape: [ROWS, COLUMNS], initial: zeros, kind: 'weight' })
    sum = g.add(sum, g.mean(g.mul(w, w), undefined, false))
  }
  return sum
})

/** Each number was halved: w - 0.25 n * 2 w / n. Throws when one of some is not. */
async function check(path: string, loss: number): Promise<void> {
  const expected = 1 + PARTS * START ** 2
  if (!(Math.abs(loss - expected) < 1e-2)) throw new Error(`the loss is ${loss}, expected ${expected}`)
  const file = await openBytes(path)
  const handle = await open(path)
  try {
    for (const { name, at, sizeBytes } of await readSafetensors(file))
      for (const offset of [0, sizeBytes / 2, sizeBytes - 4]) {
        const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, at + offset)
        const value = buffer.readFloatLE()
        if (Math.abs(value - START / 2) > 1e-4) throw new Error(`${name} holds ${value} at byte ${offset}`)
      }
  } finally {
    await handle.close()
    await file.close()
  }
}
