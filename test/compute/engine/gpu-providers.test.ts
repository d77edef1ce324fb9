import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/clock.ts'
import { isAividaError } from '../../../runtime/base/errors.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from '../../../runtime/compute/device/probe-graph.ts'
import { gpuEnvironment } from '../../../runtime/compute/engine/child/command.ts'
import { EngineChild } from '../../../runtime/compute/engine/child/engine-child.ts'
import type { DType, NamedTensors } from '../../../runtime/data/tensor/tensor.ts'
import type { ExecutionProvider } from '../../../runtime/protocol/requirements.ts'
import { type EngineTraits, engineConformance } from '../../conformance/engine.ts'
import { addModel, identityModel, model, value } from '../../support/onnx-models.ts'
import { skip } from '../../support/skip.ts'
import { vulkanEnvironment } from '../../support/vulkan.ts'

/** What Identity carries on each; models of other dtypes would fall back. */
const DTYPES: Readonly<Record<'webgpu' | 'cuda', readonly DType[]>> = {
  webgpu: ['float32', 'float16', 'int32', 'uint32'],
  cuda: [
    ...(['float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'uint16'] as const),
    ...(['int32', 'uint32', 'int64', 'uint64', 'bool'] as const),
  ],
}

const start = (environment = { ...gpuEnvironment(process.env), ...vulkanEnvironment() }) =>
  new EngineChild({ clock: systemClock, settings: { environment } })

const failures = suite('gpu providers')

failures('a provider without a driver or a library is an error that says so, and the CPU goes on', async () => {
  const engine = start({ VK_ICD_FILENAMES: '/nowhere.json', CUDA_VISIBLE_DEVICES: '' })
  try {
    for (const provider of ['webgpu', 'cuda'] as const) assert.is(await refusal(engine, provider), 'engine.no-provider')
    await engine.load({ graph: addModel() })
  } finally {
    await engine.kill()
  }
})

const absences = { webgpu: await absence('webgpu'), cuda: await absence('cuda') }
for (const provider of ['webgpu', 'cuda'] as const) {
  const missing = absences[provider]
  if (missing !== undefined) {
    failures(`${provider} computes`, () => skip(`${provider}: ${missing}`))
    continue
  }
  const test = suite(provider)
  const traits: EngineTraits = { provider, dtypes: DTYPES[provider], otherDtype: 'engine.fell-back', runsPerCall: 20 }
  engineConformance(
    test,
    () => {
      const engine = start()
      return { engine, stop: () => engine.kill() }
    },
    traits,
  )

  test('a model that would run in part on the CPU is refused, and its operators are named', async () => {
    const engine = start()
    try {
      const graph = model({
        nodes: [
          { op: 'Neg', inputs: ['x'], outputs: ['minus'] },
          { op: 'StringNormalizer', inputs: ['text'], outputs: ['same'] },
        ],
        inputs: [value('x', 'float32', ['n']), value('text', 'string', ['m'])],
        outputs: [value('minus', 'float32', ['n']), value('same', 'string', ['m'])],
      })
      const error = await engine.load({ graph }, { provider }).catch((thrown) => thrown)
      assert.is(error.code, 'engine.fell-back')
      assert.match(error.message, /Neg, StringNormalizer/)
      assert.is(error.facts.provider, provider)
      await engine.load({ graph }) // on the CPU it is a model like any other
    } finally {
      await engine.kill()
    }
  })

  test('the probe graph gives what the CPU gives, up to the order of additions', async () => {
    const engine = start()
    try {
      const run = async (on: ExecutionProvider) =>
        (await engine.load({ graph: PROBE_GRAPH }, { provider: on })).run(probeInput())
      const [gpu, cpu] = [await run(provider), await run('cpu')]
      assert.equal(gpu.best, cpu.best)
      const scale = Math.max(...f32(cpu.odds!).map(Math.abs))
      for (const [i, odd] of f32(gpu.odds!).entries()) assert.ok(Math.abs(odd - f32(cpu.odds!)[i]!) < 1e-4 * scale)
    } finally {
      await engine.kill()
    }
  })
  test.run()
}
failures.run()

/** Why this provider is of no use here; `undefined` when it is. */
async function absence(provider: 'webgpu' | 'cuda'): Promise<string | undefined> {
  const engine = start()
  try {
    const code = await refusal(engine, provider)
    return code === undefined ? undefined : `no adapter or library here (${code})`
  } finally {
    await engine.kill()
  }
}

async function refusal(engine: EngineChild, provider: ExecutionProvider): Promise<string | undefined> {
  try {
    await (await engine.load({ graph: identityModel('float32') }, { provider })).close()
    return undefined
  } catch (error) {
    if (isAividaError(error)) return error.code
    throw error
  }
}

function probeInput(): NamedTensors {
  const numbers = Float32Array.from({ length: PROBE_SHAPE.reduce((all, dim) => all * dim, 1) }, (_, i) => Math.sin(i))
  return { x: { dtype: 'float32', shape: PROBE_SHAPE, data: new Uint8Array(numbers.buffer) } }
}

function f32({ data }: { readonly data: Uint8Array }): number[] {
  return Array.from(new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4))
}
