import type { InferenceSession } from 'onnxruntime-node'
import type { ExecutionProvider } from '../../protocol/requirements.ts'
import type { LoadOptions } from './engine.ts'

/** What onnxruntime is told when it loads a model; `weights` are its external data by name. */
export function sessionOptions(
  { deviceIndex = 0, ...options }: LoadOptions,
  provider: ExecutionProvider,
  weights: ReadonlyMap<string, Uint8Array>,
): InferenceSession.SessionOptions {
  const isHost = provider === 'cpu' || provider === 'wasm'
  return {
    executionProviders: [provider === 'cuda' ? { name: provider, deviceId: deviceIndex } : provider],
    intraOpNumThreads: options.threads ?? 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: options.optimization ?? 'all',
    logSeverityLevel: 4, // errors are thrown; stderr is for last words
    extra: {
      session: {
        // Never its own file format, whose graph the scan has not seen.
        load_model_format: 'ONNX',
        use_deterministic_compute: '1',
        // Threads that wait by spinning take a shared machine from everybody else.
        intra_op: { allow_spinning: '0' },
        // What a GPU's provider does not take would run on the CPU, and nobody would be told.
        ...(!isHost && { disable_cpu_ep_fallback: '1' }),
      },
      // Several adapters are numbered by Dawn, in the driver's order.
      ...(provider === 'webgpu' &&
        deviceIndex > 0 && { ep: { webgpuexecutionprovider: { deviceId: String(deviceIndex) } } }),
    },
    ...(weights.size > 0 && { externalData: Array.from(weights, ([path, data]) => ({ path, data })) }),
  }
}
