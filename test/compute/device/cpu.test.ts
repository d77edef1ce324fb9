import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeCpu, type Machine, readMachine } from '../../../runtime/compute/device/cpu.ts'

const test = suite('cpu')

const machine = (overrides: Partial<Machine>): Machine => ({
  platform: 'linux',
  arch: 'x64',
  cpuModel: 'Test CPU (R) @ 3.0',
  parallelism: 8,
  memoryBytes: 2 ** 34,
  ...overrides,
})
const instructionSet = (arch: string, flags: string) =>
  describeCpu(machine({ arch, cpuinfo: `processor\t: 0\n${arch === 'x64' ? 'flags\t' : 'Features'}\t: ${flags}\n` }))
    .instructionSet

test('flags become the level of the kernels that an engine picks', () => {
  const sse = 'fpu sse2 sse4_1 sse4_2'
  const avx2 = `${sse} avx f16c fma avx2`
  const avx512 = `${avx2} avx512f avx512dq avx512bw avx512vl`
  const expected: [string, string, string][] = [
    ['x64', 'fpu sse2', 'x64-sse2'],
    ['x64', sse, 'x64-sse4.1'],
    ['x64', `${sse} avx`, 'x64-avx'],
    ['x64', `${sse} avx avx2`, 'x64-avx'], // AVX2 kernels need FMA too
    ['x64', avx2, 'x64-avx2'],
    ['x64', `${avx2} avx_vnni`, 'x64-avx2-vnni'],
    ['x64', `${avx2} avx512f`, 'x64-avx512f'],
    ['x64', avx512, 'x64-avx512'],
    ['x64', `${avx512} avx512_vnni avx512_bf16`, 'x64-avx512-vnni-bf16'],
    ['x64', `${avx512} avx512_vnni amx_bf16 amx_tile amx_int8`, 'x64-avx512-vnni-amx'],
    ['arm64', 'fp asimd', 'arm64-neon'],
    ['arm64', 'fp asimd asimdhp asimddp sve i8mm bf16', 'arm64-neon-dotprod-fp16-i8mm-bf16-sve'],
  ]
  for (const [arch, flags, level] of expected) assert.is(instructionSet(arch, flags), level)
})

test('where no flags are told, only the same model is alike', () => {
  assert.is(describeCpu(machine({ platform: 'win32' })).instructionSet, 'x64-like-test.cpu.r.3.0')
  const apple = machine({ platform: 'darwin', arch: 'arm64', cpuModel: 'Apple M2 Pro' })
  assert.is(describeCpu(apple).instructionSet, 'arm64-like-apple.m2.pro')
})

test('sibling threads count as one core', () => {
  const block = (socket: number, core: number) => `processor\t: 0\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`
  const cpuinfo = [block(0, 0), block(0, 0), block(0, 1), block(1, 0)].join('\n')
  assert.is(describeCpu(machine({ cpuinfo })).cores, 3)
  assert.is(describeCpu(machine({ cpuinfo, parallelism: 2 })).cores, 2)
  assert.is(describeCpu(machine({ cpuinfo: 'processor : 0\n\nprocessor : 1\n' })).cores, 8)
})

test('this machine is described', () => {
  const here = readMachine()
  assert.ok(here.memoryBytes > 2 ** 27 && here.parallelism >= 1)
  assert.match(describeCpu(here).instructionSet, /^[a-z0-9]+-[a-z0-9.-]+$/)
})

test.run()
