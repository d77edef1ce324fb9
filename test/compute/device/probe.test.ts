import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/clock.ts'
import type { Machine } from '../../../runtime/compute/device/cpu.ts'
import type { EndableEngine } from '../../../runtime/compute/device/determinism.ts'
import { type ProbeInit, probeDevices } from '../../../runtime/compute/device/probe.ts'
import { PROBE_GRAPH } from '../../../runtime/compute/device/probe-graph.ts'
import { EngineChild } from '../../../runtime/compute/engine/child/engine-child.ts'
import { EMPTY_REPORT } from '../../support/fake-engine-process.ts'
import { probeModel } from '../../support/onnx-models.ts'

const test = suite('probe')

const GiB = 2 ** 30
const machine: Machine = {
  platform: 'linux',
  arch: 'x64',
  cpuModel: 'Test',
  cpuinfo: 'flags\t: sse2 sse4_1 avx fma avx2\n',
  parallelism: 4,
  memoryBytes: 16 * GiB,
}
const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
test.after(() => rmSync(folder, { recursive: true }))

/** Engines whose results are what `result` says of the n-th one; counts how many were started and ended. */
function engines(result: (n: number) => number) {
  const counts = { started: 0, ended: 0 }
  const start = (): EndableEngine => {
    const n = counts.started++
    return {
      info: async () => ({ name: 'fake', version: '1.2.3', providers: ['cpu'] as const }),
      load: async () => ({
        inputs: [],
        outputs: [],
        report: EMPTY_REPORT,
        runAll: async () => [],
        run: async () => ({ y: { dtype: 'uint8', shape: [1], data: Uint8Array.of(result(n)) } }),
        close: async () => {},
      }),
      kill: async () => void counts.ended++,
    }
  }
  return { start, counts }
}
const probe = async (init: Partial<ProbeInit> & Pick<ProbeInit, 'start'>) =>
  (await probeDevices({ machine, ...init }))[0]!

test('slots follow cores and memory, unless they are given', async () => {
  const { start } = engines(() => 1)
  const device = await probe({ start })
  assert.equal(
    [device.slots, device.memoryBytes, device.threadsPerSlot, device.provider, device.model],
    [4, 3 * GiB, 1, 'cpu', 'Test'],
  )
  assert.is((await probe({ start, threadsPerSlot: 2 })).slots, 2)
  assert.is((await probe({ start, threadsPerSlot: 8 })).slots, 1)
  assert.is((await probe({ start, slots: 7 })).slots, 7)
  const small = { ...machine, memoryBytes: 1.5 * GiB }
  assert.is((await probe({ start, machine: small })).slots, 2)
  assert.is((await probe({ start, machine: { ...machine, memoryBytes: 1024 * GiB } })).memoryBytes, 8 * GiB)
})

test('a class is exact when two children agree, and not when they differ', async () => {
  const same = engines(() => 1)
  assert.ok((await probe({ start: same.start })).exact)
  const different = engines((n) => n)
  assert.not((await probe({ start: different.start })).exact)
  for (const { counts } of [same, different]) assert.is(counts.ended, counts.started)
})

test('a proof is kept by class and version of Node; a spoilt file counts for nothing', async () => {
  const cacheFile = join(folder, 'deep', 'exact.json')
  const { start, counts } = engines(() => 1)
  const startedBy = async (init: Partial<ProbeInit>) => {
    const before = counts.started
    assert.ok((await probe({ start, cacheFile, nodeVersion: 'v24.0.0', ...init })).exact)
    return counts.started - before
  }
  const proven = await startedBy({})
  const known = await startedBy({})
  assert.ok(known < proven)
  assert.is(await startedBy({ nodeVersion: 'v24.0.1' }), proven)
  assert.is(await startedBy({ optimization: 'basic' }), proven)
  assert.is(await startedBy({}), known)
  writeFileSync(cacheFile, '{"v":1,"proofs":[{"class":7}]}')
  assert.is(await startedBy({}), proven)
  assert.is(await startedBy({}), known)
})

test('an engine that fails proves nothing, and none is left', async () => {
  const { start, counts } = engines(() => {
    throw new Error('no luck')
  })
  try {
    await probe({ start })
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /no luck/)
  }
  assert.is(counts.ended, counts.started)
})

test('the probe graph is the one its generator makes', () => {
  const expected = Buffer.from(probeModel()).toString('base64')
  if (Buffer.from(PROBE_GRAPH).toString('base64') !== expected) console.log(expected.match(/.{1,110}/g)!.join('\n'))
  assert.is(Buffer.from(PROBE_GRAPH).toString('base64'), expected)
})

test('this machine proves exact with real children', async () => {
  const [device] = await probeDevices({ start: () => new EngineChild({ clock: systemClock }) })
  assert.match(device!.determinismClass, /^ort-\d+\.\d+\.\d+\/cpu\/[a-z0-9.-]+\/all$/)
  assert.ok(device!.exact)
})

test.run()
