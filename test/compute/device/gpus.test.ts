import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError } from '../../../runtime/base/errors.ts'
import type { Machine } from '../../../runtime/compute/device/cpu.ts'
import type { EndableEngine } from '../../../runtime/compute/device/determinism.ts'
import { isAtLeast, nvidiaGpus } from '../../../runtime/compute/device/nvidia.ts'
import { type DeviceKind, type ProbeInit, probeDevices } from '../../../runtime/compute/device/probe.ts'
import type { System } from '../../../runtime/compute/device/system.ts'
import type { LoadOptions } from '../../../runtime/compute/engine/engine.ts'
import { EMPTY_REPORT } from '../../support/fake-engine-process.ts'
import { fakeSystem } from '../../support/fake-system.ts'

const test = suite('gpus')

const GiB = 2 ** 30
const machine: Machine = {
  platform: 'linux',
  arch: 'x64',
  cpuModel: 'Test',
  cpuinfo: 'flags\t: sse2 sse4_1 avx fma avx2\n',
  parallelism: 4,
  memoryBytes: 64 * GiB,
}

/** Engines that run on everything but `broken`, and what they were asked to load on. */
function engines(broken: readonly string[] = []) {
  const loads: LoadOptions[] = []
  const start = (): EndableEngine => ({
    info: async () => ({ name: 'ort', version: '1.30.0', providers: ['cpu', 'webgpu', 'cuda'] }),
    load: async (_source, options = {}) => {
      loads.push(options)
      if (broken.includes(options.provider ?? 'cpu'))
        throw new AividaError({ code: 'engine.no-provider', category: 'platform', message: 'no such thing' })
      return {
        ...{ inputs: [], outputs: [], report: EMPTY_REPORT, runAll: async () => [], close: async () => {} },
        run: async () => ({ y: { dtype: 'uint8', shape: [1], data: Uint8Array.of(1) } }),
      }
    },
    kill: async () => {},
  })
  return { start, loads }
}

async function probe(system: System, devices: readonly DeviceKind[], init: Partial<ProbeInit> = {}) {
  const missing: string[] = []
  const found = await probeDevices({
    ...{ machine, system, devices, start: engines().start },
    onMissing: (device, error) => missing.push(`${device}: ${error.code}`),
    ...init,
  })
  return { found, missing }
}

test('each NVIDIA GPU is a device of one slot, on which a run succeeded, and never exact', async () => {
  const two = ['0, NVIDIA H100, 570.86.15, 81559, 9.0, GPU-a', '1, NVIDIA T4, 570.86.15, 2048, 7.5, GPU-b']
  const { start, loads } = engines()
  const { found } = await probe(fakeSystem({ gpus: two }), ['cpu', 'cuda'], { start })
  assert.equal(
    found.map(({ id, provider, model, slots, deviceIndex, memoryBytes, exact }) => [
      ...[id, provider, model, slots, deviceIndex, memoryBytes, exact],
    ]),
    [
      ['cpu', 'cpu', 'Test', 4, 0, 8 * GiB, true],
      ['cuda:0', 'cuda', 'NVIDIA H100', 1, 0, 8 * GiB, false],
      ['cuda:1', 'cuda', 'NVIDIA T4', 1, 1, 2 * GiB, false],
    ],
  )
  assert.match(found[2]!.determinismClass, '/cuda/nvidia.t4.sm7.5/driver-570.86.15/')
  assert.match(found[2]!.determinismClass, /cudnn-9\.7\.1.*\/fp32\/all$/)
  assert.ok(found[2]!.determinismClass.length <= 256)
  assert.ok(loads.some(({ provider, deviceIndex }) => provider === 'cuda' && deviceIndex === 1))
})

test('a changed driver, or library, is a new class', async () => {
  const systems = [
    fakeSystem(),
    fakeSystem({ driver: '570.124.06' }),
    fakeSystem({ libraries: { 'libcudnn.so.9': '/x/libcudnn.so.9.8.0' } }),
    fakeSystem({ env: { NVIDIA_TF32_OVERRIDE: '1' } }),
  ]
  const classes = new Set<string>()
  for (const system of systems) classes.add((await probe(system, ['cuda'])).found[0]!.determinismClass)
  assert.is(classes.size, systems.length)
})

test('a library whose name has no version is told from others by its build', async () => {
  const of = async (buildId: string | undefined) => {
    const libraries = { 'libcudnn.so.9': '/pip/libcudnn.so.9' }
    const inspected = { 'libcudnn.so.9': { needed: [], buildId } }
    return (await probe(fakeSystem({ libraries, inspected }), ['cuda'])).found[0]!
  }
  const [a, b, nameless] = [await of('6ca0fbad62ce8d91'), await of('7db1fbad62ce8d91'), await of(undefined)]
  assert.match(a.determinismClass, '+cudnn-6ca0fbad62ce')
  assert.is.not(a.determinismClass, b.determinismClass)
  assert.match(nameless.determinismClass, 'cudnn-unknown')
})

test('WebGPU goes by the GPUs on the bus and by the content of the drivers', async () => {
  const files = (driver: string) => ({
    '/sys/bus/pci/devices/0000:01/class': '0x030200\n',
    '/sys/bus/pci/devices/0000:01/vendor': '0x10de\n',
    '/sys/bus/pci/devices/0000:01/device': '0x2330\n',
    '/sys/bus/pci/devices/0000:02/class': '0x020000\n',
    '/usr/share/vulkan/icd.d/one.json': '{"ICD": {"library_path": "libone.so.0", "api_version": "1.3"}}',
    '/lib/libone.so.1.2': driver,
  })
  const system = (driver: string) =>
    fakeSystem({ files: files(driver), libraries: { 'libone.so.0': '/lib/libone.so.1.2' } })
  const [before, after] = [await probe(system('a'), ['webgpu']), await probe(system('b'), ['webgpu'])]
  assert.match(before.found[0]!.determinismClass, /^ort-1\.30\.0\/webgpu\/10de\.2330\/driver-[0-9a-f]{12}\/all$/)
  assert.is.not(before.found[0]!.determinismClass, after.found[0]!.determinismClass)
  assert.ok(before.found[0]!.exact)
})

test('a driver that computes on the CPU is of a class with the CPU; one that nobody names is never exact', async () => {
  const named = { VK_ICD_FILENAMES: '/sw/icd.json' }
  const files = { '/sw/icd.json': '{"ICD": {"library_path": "./libsw.so"}}', '/sw/libsw.so': 'code' }
  const software = (await probe(fakeSystem({ files, env: named }), ['webgpu'])).found[0]!
  assert.match(software.determinismClass, /webgpu\/software\.x64\.avx2\/driver-/)
  assert.ok(software.exact)
  const nameless = (await probe(fakeSystem({ platform: 'win32' }), ['webgpu'])).found[0]!
  assert.match(nameless.determinismClass, 'driver-unknown')
  assert.not(nameless.exact)
})

test('what is missing is told and left out, and the CPU goes on', async () => {
  const none = await probe(fakeSystem({ gpus: 'not installed' }), ['cpu', 'cuda'])
  assert.equal([none.found.map(({ id }) => id), none.missing], [['cpu'], ['cuda: device.no-gpu']])
  const broken = await probe(fakeSystem(), ['cuda', 'cpu', 'webgpu'], { start: engines(['cuda', 'webgpu']).start })
  assert.equal(
    broken.found.map(({ id }) => id),
    ['cpu'],
  )
  assert.equal(broken.missing, ['cuda: engine.no-provider', 'webgpu: engine.no-provider'])
})

test('GPUs are counted as CUDA counts those that it may use', async () => {
  const gpus = ['A', 'B', 'C'].map((model, i) => `${i}, ${model}, 1.2, 10, 9.0, GPU-${model}`)
  const visible = async (mask?: string) =>
    (await nvidiaGpus(fakeSystem({ gpus, env: { CUDA_VISIBLE_DEVICES: mask } }))).map(({ model }) => model).join('')
  const expected = { '2,0': 'CA', 'GPU-B': 'B', '1,x,0': 'B', '': '', '-1': '' }
  for (const [mask, models] of Object.entries(expected)) assert.is(await visible(mask), models, mask)
  assert.is(await visible(undefined), 'ABC')
})

test('versions are compared part by part', () => {
  assert.ok(isAtLeast('525.60.13', '525.60.13'))
  assert.ok(isAtLeast('570.1', '525.60.13'))
  assert.ok(isAtLeast('525.147.05', '525.60.13'))
  assert.not(isAtLeast('525.60.11', '525.60.13'))
  assert.not(isAtLeast('470.256.02', '525.60.13'))
})

test.run()
