import { assertNever } from '../../base/errors.ts'
import { sha256All } from '../../base/hash.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import type { Engine, EngineInfo, LoadOptions, OptimizationLevel } from '../engine/engine.ts'
import { slug } from './cpu.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from './probe-graph.ts'

/** What decides the last bits of a result. Results of one class may be compared by their hashes if it is `exact`. */
export interface ClassParts {
  readonly engine: EngineInfo
  readonly optimization: OptimizationLevel
  readonly on: Hardware
}

/** What computes, with all of it that another machine may have otherwise. */
export type Hardware =
  | { readonly provider: 'cpu'; readonly instructionSet: string }
  /** WebAssembly is the same on every machine, to the bit: its rules leave nothing open but the bits of a NaN. */
  | { readonly provider: 'wasm' }
  /** `model`: a GPU, or `software` with the instruction set that it computes with. */
  | { readonly provider: 'webgpu'; readonly model: string; readonly driver: string }
  | {
      readonly provider: 'cuda'
      readonly model: string
      readonly computeCapability: string
      readonly driver: string
      /** Versions by name, such as `cudnn`. */
      readonly libraries: Readonly<Record<string, string>>
      /** Whether products may be computed with factors of 10 bits. */
      readonly tf32: boolean
    }

/**
 * The name of a class: `ort-1.30.0/cpu/x64-avx512-vnni/all`,
 * `ort-1.30.0/cuda/nvidia.h100.sm9.0/driver-570.86.15/cublas-12.8.4.1+cudart-12.8.90+cudnn-9.7.1/fp32/all`. Whatever
 * changes in it makes another class.
 */
export function determinismClass({ engine, on, optimization }: ClassParts): string {
  return [`${engine.name}-${engine.version}`, on.provider, ...hardwareNames(on), optimization].join('/')
}

function hardwareNames(on: Hardware): string[] {
  switch (on.provider) {
    case 'cpu':
      return [on.instructionSet]
    case 'wasm':
      return ['simd128']
    case 'webgpu':
      return [slug(on.model), `driver-${slug(on.driver)}`]
    case 'cuda': {
      const libraries = Object.entries(on.libraries).map(([name, version]) => `${name}-${slug(version)}`)
      const model = `${slug(on.model)}.sm${slug(on.computeCapability)}`
      return [model, `driver-${slug(on.driver)}`, libraries.sort().join('+'), on.tf32 ? 'tf32' : 'fp32']
    }
    default:
      return assertNever(on)
  }
}

/** An engine that its user ends. */
export interface EndableEngine extends Engine {
  kill(): Promise<void>
}

/**
 * Whether two engines of one class agree to the last bit: both run the probe graph twice on the same inputs, once from
 * another place in memory. An engine that fails throws what it throws; that is no answer about its class.
 */
export async function provesExact(
  start: () => EndableEngine,
  how: Pick<LoadOptions, 'provider' | 'deviceIndex' | 'optimization'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const digests = new Set<string>()
  for (let child = 0; child < 2; child++) {
    const engine = start()
    try {
      const options = { ...(signal && { signal }) }
      const session = await engine.load({ graph: PROBE_GRAPH }, { ...how, ...options })
      for (const offset of [0, 4]) digests.add(digest(await session.run({ x: probeInput(offset) }, options)))
    } finally {
      await engine.kill()
    }
  }
  return digests.size === 1
}

/** Numbers of many magnitudes, the same on every machine: sums of them depend on their order. */
function probeInput(offsetBytes: number): Tensor {
  const count = PROBE_SHAPE.reduce((all, dim) => all * dim, 1)
  const data = new Uint8Array(offsetBytes + 4 * count).subarray(offsetBytes)
  const view = new DataView(data.buffer, offsetBytes)
  for (let i = 0; i < count; i++) view.setFloat32(4 * i, (((i * 7919) % 997) - 498) / 2 ** (i % 13), true)
  return { dtype: 'float32', shape: PROBE_SHAPE, data }
}

function digest(outputs: NamedTensors): string {
  return sha256All(
    Object.keys(outputs)
      .sort()
      .map((name) => outputs[name]!.data),
  )
}
