import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/clock.ts'
import { isAividaError } from '../../../runtime/base/errors.ts'
import { type CudaDownload, cudaDownload } from '../../../runtime/compute/device/cuda-download.ts'
import type { EndableEngine } from '../../../runtime/compute/device/determinism.ts'
import { type EnableInit, enableGpu } from '../../../runtime/compute/device/enable.ts'
import { EngineChild } from '../../../runtime/compute/engine/child/engine-child.ts'
import { EMPTY_REPORT } from '../../support/fake-engine-process.ts'
import { fakeSystem } from '../../support/fake-system.ts'

const test = suite('enabling a device')

/** An engine whose GPU gives `result`, and whose CPU gives 1; counts runs on the GPU. */
function engine(result = 1) {
  const runs: string[] = []
  const start = (): EndableEngine => ({
    info: async () => ({ name: 'ort', version: '1.30.0', providers: ['cpu', 'cuda'] }),
    load: async (_source, { provider = 'cpu' } = {}) => ({
      ...{ inputs: [], outputs: [], report: EMPTY_REPORT, runAll: async () => [], close: async () => {} },
      run: async () => {
        runs.push(provider)
        const numbers = Float32Array.of(provider === 'cpu' ? 1 : result)
        return { y: { dtype: 'float32', shape: [1], data: new Uint8Array(numbers.buffer) } }
      },
    }),
    kill: async () => {},
  })
  return { start, runs }
}

async function enable(init: Omit<Partial<EnableInit>, 'download'> & { download?: Partial<CudaDownload> } = {}) {
  const said: string[] = []
  const fetched: string[] = []
  const { start, runs } = engine()
  const error = await enableGpu({
    ...{ provider: 'cuda', system: fakeSystem(), start, signal: AbortSignal.abort() },
    confirm: async (question) => said.push(question) > 0,
    note: (text) => said.push(text),
    ...init,
    download: {
      ...{ offered: true, name: 'Microsoft.ML.OnnxRuntime.Gpu.Linux 1.30.0', isHere: () => fetched.length > 0 },
      sizeBytes: async () => 251_000_000,
      fetch: async () => void fetched.push('cuda'),
      path: '/x/libonnxruntime_providers_cuda.so',
      ...init.download,
    },
  }).then(
    () => undefined,
    (thrown) => thrown,
  )
  if (error !== undefined && !isAividaError(error)) throw error
  return { error, said: said.join('\n'), fetched, runs }
}

test('CUDA is asked for by name and size, fetched, and proven by a run beside the CPU', async () => {
  const { error, said, fetched, runs } = await enable()
  assert.is(error, undefined)
  assert.match(said, /This fetches Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux 1\.30\.0, 240 MiB: .*Go on\?/)
  assert.equal([fetched, runs], [['cuda'], ['cuda', 'cpu']])
  const unknown = await enable({ download: { sizeBytes: async () => undefined } })
  assert.match(unknown.said, /of a size that its feed does not tell now/)
})

test('what is here is not fetched again', async () => {
  const { error, said, fetched, runs } = await enable({ download: { isHere: () => true } })
  assert.equal([error, fetched, runs], [undefined, [], ['cuda', 'cpu']])
  assert.not.match(said, 'fetch')
})

test('GPU, driver and libraries are looked at before anything is fetched', async () => {
  const cases: [Parameters<typeof fakeSystem>[0], string, RegExp][] = [
    [{ gpus: 'not installed' }, 'device.no-gpu', /nvidia-smi lists none/],
    [{ gpus: [] }, 'device.no-gpu', /nvidia-smi lists none/],
    [{ env: { CUDA_VISIBLE_DEVICES: '-1' } }, 'device.no-gpu', /that this process may use/],
    [{ driver: '470.256.02' }, 'device.old-driver', /525\.60\.13 or newer.*found 470\.256\.02/],
    [{ libraries: { 'libcudnn.so.9': undefined } }, 'device.no-library', /no libcudnn\.so\.9$/],
    [
      { libraries: { 'libcudart.so.12': undefined, 'libcufft.so.11': undefined } },
      'device.no-library',
      /libcudart\.so\.12, libcufft\.so\.11$/,
    ],
  ]
  for (const [system, code, message] of cases) {
    const { error, said, fetched, runs } = await enable({ system: fakeSystem(system) })
    assert.is(error?.code, code)
    assert.is(error?.category, 'platform')
    assert.match(error!.message, message)
    assert.equal([said, fetched, runs], ['', [], []])
  }
})

test('a library for CUDA 13 is held to CUDA 13', async () => {
  const thirteen = { needed: ['libcublasLt.so.13', 'libcudart.so.13'], buildId: undefined }
  const system = (rest: Parameters<typeof fakeSystem>[0]) =>
    fakeSystem({ inspected: { 'libonnxruntime_providers_cuda.so': thirteen }, driver: '580.95.05', ...rest })
  const libraries = {
    ...{ 'libcudart.so.13': '/x/libcudart.so.13', 'libcublas.so.13': '/x/libcublas.so.13' },
    ...{ 'libcublasLt.so.13': '/x/libcublasLt.so.13', 'libcufft.so.12': '/x/libcufft.so.12' },
  }
  const download = { isHere: () => true }
  assert.is((await enable({ system: system({ libraries }), download })).error, undefined)
  const lacking = (await enable({ system: system({}), download })).error
  assert.is(lacking?.code, 'device.no-library')
  assert.match(
    lacking!.message,
    /CUDA 13.*libcudart\.so\.13, libcublas\.so\.13, libcublasLt\.so\.13, libcufft\.so\.12$/,
  )
  const old = (await enable({ system: system({ libraries, driver: '570.86.15' }), download })).error
  assert.match(`${old?.code} ${old?.message}`, /device\.old-driver.*580\.65\.06 or newer for CUDA 13, found 570/)
})

test('without a yes, or where there is nothing to fetch, nothing is', async () => {
  for (const answer of [false, undefined]) {
    const { error, fetched } = await enable({ confirm: async () => answer })
    assert.equal([error?.code, fetched], ['device.not-confirmed', []])
    assert.match(String(error?.facts.remedy), '--yes')
  }
  const { error } = await enable({ download: { offered: false } })
  assert.is(error?.code, 'device.not-offered')
})

test('a GPU that computes something else is refused', async () => {
  for (const result of [1.01, Number.NaN])
    assert.is((await enable({ start: engine(result).start })).error?.code, 'device.wrong-results')
  assert.is((await enable({ start: engine(1.0001).start })).error, undefined)
})

test('an engine without the library is no GPU, whatever it was told', async () => {
  const start = () => new EngineChild({ clock: systemClock, settings: { environment: { CUDA_VISIBLE_DEVICES: '' } } })
  const here = { isHere: () => true }
  const { error } = await enable({ start, download: here, signal: new AbortController().signal })
  assert.is(error?.code, 'engine.no-provider')
})

test('what would be fetched is what onnxruntime-node itself names', () => {
  const linux = cudaDownload('linux/x64')
  assert.ok(linux.offered)
  assert.match(linux.name, /^Microsoft\.ML\.OnnxRuntime\.Gpu\.Linux \d+\.\d+\.\d+$/)
  for (const platform of ['linux/arm64', 'darwin/arm64', 'win32/x64']) assert.not(cudaDownload(platform).offered)
})

test.run()
