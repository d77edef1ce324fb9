import { AividaError } from '../../base/errors.ts'
import type { ExecutionProvider } from '../../protocol/requirements.ts'

/** What went wrong when onnxruntime loaded a model: its message is all that tells. */
export function loadFailure(error: unknown, provider: ExecutionProvider, ops: () => readonly string[]): AividaError {
  const reason = reasonOf(error)
  if (/fallback to CPU EP has been explicitly disabled/.test(reason)) return fellBack(error, provider, new Set(ops()))
  if (NO_DEVICE.test(reason)) return noProvider(provider, reason, error)
  return engineFailure(error, 'model.invalid', 'onnxruntime does not load the model')
}

/** A failure of onnxruntime under this code, or `engine.out-of-memory` when it says so. */
export function engineFailure(error: unknown, code: string, what: string): AividaError {
  const reason = reasonOf(error)
  const outOfMemory = OUT_OF_MEMORY.test(reason)
  return new AividaError({
    code: outOfMemory ? 'engine.out-of-memory' : code,
    category: outOfMemory ? 'platform' : 'user',
    message: `${what}: ${reason}`,
    cause: error,
  })
}

/** The engine, or this machine, has no such device: `engine.no-provider`. */
export function noProvider(provider: string, reason: string, cause?: unknown): AividaError {
  return new AividaError({
    code: 'engine.no-provider',
    category: 'platform',
    message: `nothing here computes on "${provider}" (${reason}); aivida device list shows what does`,
    cause,
    facts: { provider },
  })
}

/** In the words of the C++ library, of its allocators, of WebAssembly, and of indices that do not fit 32 bits. */
const OUT_OF_MEMORY =
  /bad_alloc|bad allocation|failed to allocate|out of memory|memory access out of bounds|shape is too large|narrowing_error/i

/** A GPU's provider without its library, its driver or a GPU. */
const NO_DEVICE =
  /backend not found|failed to load (?:shared )?library|failed to get a webgpu adapter|no cuda-capable device|driver version is insufficient|CUDA failure (?:35|100|101)|cannot open shared object/i

function fellBack(cause: unknown, provider: ExecutionProvider, ops: ReadonlySet<string>): AividaError {
  const shown = [...[...ops].sort().slice(0, OPS_SHOWN), ...(ops.size > OPS_SHOWN ? ['...'] : [])].join(', ')
  return new AividaError({
    code: 'engine.fell-back',
    category: 'user',
    message: `expected every node of the model to run on ${provider}; onnxruntime would run some of them on the CPU (its operators: ${shown}). GPUs take float32, float16 and int32 best: cast other types outside of the graph, or use the provider cpu`,
    cause,
    facts: { provider },
  })
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().slice(0, REASON_CHARACTERS)
}

/** Of onnxruntime's own message; some hold whole type lists. */
const REASON_CHARACTERS = 2_000
const OPS_SHOWN = 20
