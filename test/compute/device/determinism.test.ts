import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { determinismClass, type Hardware } from '../../../runtime/compute/device/determinism.ts'

const test = suite('determinism classes')

const engine = { name: 'ort', version: '1.30.0', providers: ['cpu'] as const }
const name = (on: Hardware) => determinismClass({ engine, on, optimization: 'all' })
const cuda: Hardware = {
  provider: 'cuda',
  model: 'NVIDIA H100 80GB HBM3',
  computeCapability: '9.0',
  driver: '570.86.15',
  libraries: { cudnn: '9.7.1', cublas: '12.8.4.1', cudart: '12.8.90' },
  tf32: false,
}

test('a class names build, provider, hardware, driver, libraries, precision and optimisation', () => {
  assert.is(name({ provider: 'cpu', instructionSet: 'x64-avx512-vnni' }), 'ort-1.30.0/cpu/x64-avx512-vnni/all')
  assert.is(name({ provider: 'wasm' }), 'ort-1.30.0/wasm/simd128/all')
  assert.is(
    name({ provider: 'webgpu', model: '10de.2330', driver: '0a1b2c3d4e5f' }),
    'ort-1.30.0/webgpu/10de.2330/driver-0a1b2c3d4e5f/all',
  )
  assert.is(
    name(cuda),
    'ort-1.30.0/cuda/nvidia.h100.80gb.hbm3.sm9.0/driver-570.86.15/cublas-12.8.4.1+cudart-12.8.90+cudnn-9.7.1/fp32/all',
  )
})

test('whatever changes makes another class', () => {
  const changes: Hardware[] = [
    { ...cuda, driver: '570.86.16' },
    { ...cuda, model: 'NVIDIA H200' },
    { ...cuda, computeCapability: '8.0' },
    { ...cuda, libraries: { ...cuda.libraries, cudnn: '9.8.0' } },
    { ...cuda, tf32: true },
    { provider: 'webgpu', model: '10de.2330', driver: 'a' },
    { provider: 'webgpu', model: '10de.2330', driver: 'b' },
    { provider: 'webgpu', model: '10de.2331', driver: 'b' },
    { provider: 'cpu', instructionSet: 'x64-avx2' },
    { provider: 'cpu', instructionSet: 'arm64-neon' },
  ]
  const names = new Set([cuda, ...changes].map(name))
  assert.is(names.size, changes.length + 1)
  const cpu: Hardware = { provider: 'cpu', instructionSet: 'x64-avx2' }
  for (const other of [
    { ...engine, version: '1.31.0' },
    { ...engine, name: 'tfjs' },
  ])
    names.add(determinismClass({ engine: other, on: cpu, optimization: 'all' }))
  names.add(determinismClass({ engine, on: cpu, optimization: 'basic' }))
  assert.is(names.size, changes.length + 4)
})

test.run()
