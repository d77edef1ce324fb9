import { sha256All } from '../../base/hash.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import type { ExecutionProvider } from '../../protocol/requirements.ts'
import type { Engine, EngineInfo, OptimizationLevel } from '../engine/engine.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from './probe-graph.ts'

/** What decides the last bits of a result. Results of one class may be compared by their hashes if it is `exact`. */
export interface ClassParts {
  readonly engine: EngineInfo
  readonly provider: string
  readonly instructionSet: string
  readonly optimization: OptimizationLevel
}

/** The name of a class: `ort-1.30.0/cpu/x64-avx512-vnni/all`. */
export function determinismClass({ engine, provider, instructionSet, optimization }: ClassParts): string {
  return `${engine.name}-${engine.version}/${provider}/${instructionSet}/${optimization}`
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
  provider: ExecutionProvider,
  optimization: OptimizationLevel,
  signal?: AbortSignal,
): Promise<boolean> {
  const digests = new Set<string>()
  for (let child = 0; child < 2; child++) {
    const engine = start()
    try {
      const options = { ...(signal && { signal }) }
      const session = await engine.load({ graph: PROBE_GRAPH }, { provider, optimization, ...options })
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
