// timeout: 180 s
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeCpu, readMachine } from '../../../runtime/compute/device/cpu.ts'
import { determinismClass } from '../../../runtime/compute/device/determinism.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from '../../../runtime/compute/device/probe-graph.ts'
import type { OrtPackage } from '../../../runtime/compute/engine/ort-library.ts'
import { sessionOptions } from '../../../runtime/compute/engine/ort-options.ts'
import { crossEntropy, dense, relu, sequential, sgd, trainingStep } from '../../../runtime/compute/graph/index.ts'
import { type NamedTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { skip } from '../../support/skip.ts'
import { numbersOf, someLabels, someTensor } from '../../support/trained-model.ts'

const test = suite('across instruction sets')

/** A processor of 2008 as qemu's user emulation plays it, with what its /proc/cpuinfo would say: qemu shows the host's. */
const OLD = { name: 'Nehalem', flags: 'sse sse2 ssse3 sse4_1 sse4_2 popcnt', instructionSet: 'x64-sse4.1' } as const
const PROGRAM = fileURLToPath(new URL('../../support/emulated-run.js', import.meta.url))

/** By how much the update of at most five steps may differ between two classes: relative L2. */
const TOLERANCE = 1e-4

interface Ran {
  readonly cpuinfo: string
  /** Bytes in base64, by name. */
  readonly outputs: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
}

const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
mkdirSync(join(folder, 'proc'))
writeFileSync(join(folder, 'proc', 'cpuinfo'), `flags\t\t: ${OLD.flags}\n`)
test.after(() => rmSync(folder, { recursive: true }))

const FEATURES = 300
const BATCH = 32
const step = trainingStep({
  model: sequential([dense(64), relu(), dense(10)]),
  loss: crossEntropy({ labels: 'labels' }),
  optimizer: sgd({ momentum: 0.9 }),
  inputs: { x: { dtype: 'float32', shape: [FEATURES] }, labels: { dtype: 'int64', shape: [] } },
  batchSize: BATCH,
})
const begun = step.initialState()

/** Runs the program on this processor, or on the old one. */
async function run(engine: OrtPackage, { old = false } = {}): Promise<Ran> {
  const provider = engine === 'onnxruntime-web' ? 'wasm' : 'cpu'
  const file = join(folder, `${engine}.json`)
  writeFileSync(file, JSON.stringify({ ...work(), engine, options: sessionOptions({}, provider, new Map()) }))
  // The emulated program finds the files below this folder before those of the machine.
  const emulator = ['-cpu', OLD.name, '-L', folder, process.execPath]
  const args = [...(old ? emulator : []), PROGRAM, file]
  const { stdout } = await promisify(execFile)(old ? 'qemu-x86_64' : process.execPath, args, { maxBuffer: 2 ** 24 })
  return JSON.parse(stdout)
}

/** What the program does: the probe graph once, and the training step five times, on the same batch. */
function work() {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const texts = (tensors: NamedTensors) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { data, ...head }]) => [name, { ...head, data: text(data) }]),
    )
  const batch = {
    x: someTensor([BATCH, FEATURES], 3),
    labels: someLabels([BATCH], 10, 4),
    learningRate: tensorOf(Float32Array.of(0.05), []),
  }
  return {
    graph: { model: text(PROBE_GRAPH), feeds: texts({ x: someTensor(PROBE_SHAPE, 2) }) },
    step: {
      model: text(step.step),
      feeds: texts(batch),
      state: texts(begun),
      next: Object.fromEntries(step.signature.state.map(({ name, next }) => [name, next])),
    },
    steps: 5,
  }
}

/** The class of a run, by what its machine told of itself. */
function classOf({ cpuinfo }: Ran): string {
  const { instructionSet } = describeCpu({ ...readMachine(), cpuinfo })
  const engine = { name: 'ort', version: '1.30.0', providers: ['cpu'] as const }
  return determinismClass({ engine, on: { provider: 'cpu', instructionSet }, optimization: 'all' })
}

/** The difference of two updates from where both began, as a share of the second. */
function apart(a: Ran, b: Ran): number {
  const floats = (text: string) => {
    const bytes = Buffer.from(text, 'base64')
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  }
  let [difference, update] = [0, 0]
  for (const { name, role } of step.signature.state) {
    if (role !== 'parameter') continue
    const [before, ours, theirs] = [numbersOf(begun[name]), floats(a.state[name]!), floats(b.state[name]!)]
    for (const [j, value] of theirs.entries()) {
      difference += (ours[j]! - value) ** 2
      update += (value - before[j]!) ** 2
    }
  }
  return Math.sqrt(difference / update)
}

const NO_EMULATOR = 'no qemu-x86_64 (Debian: qemu-user) to emulate another processor with'
const emulated = await promisify(execFile)('qemu-x86_64', ['--version']).then(
  () => process.arch === 'x64' && process.platform === 'linux',
  () => false,
)

test('two processors are two classes, whose sums differ and whose choices do not', async () => {
  if (!emulated) return skip(NO_EMULATOR)
  const [old, here] = [await run('onnxruntime-node', { old: true }), await run('onnxruntime-node')]
  assert.match(classOf(old), `/cpu/${OLD.instructionSet}/`)
  assert.is.not(classOf(old), classOf(here))
  // If sums agreed to the bit, there would be nothing to tell apart.
  assert.is.not(old.outputs.odds, here.outputs.odds)
  assert.is(old.outputs.best, here.outputs.best)
  const distance = apart(old, here)
  assert.ok(distance > 0 && distance < TOLERANCE, `${distance} apart after five steps`)
})

test('WebAssembly gives the same bits on both: one class', async () => {
  if (!emulated) return skip(NO_EMULATOR)
  const [old, here] = [await run('onnxruntime-web', { old: true }), await run('onnxruntime-web')]
  assert.equal(old.outputs, here.outputs)
  assert.equal(old.state, here.state)
})

test.run()
