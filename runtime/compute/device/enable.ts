import { AividaError, userError } from '../../base/errors.ts'
import type { NamedTensors, Tensor } from '../../data/tensor/tensor.ts'
import { typedArrayOf } from '../../data/tensor/typed-array.ts'
import type { CudaDownload } from './cuda-download.ts'
import type { EndableEngine } from './determinism.ts'
import { cudaLibraries, cudaRelease, isAtLeast, nvidiaGpus } from './nvidia.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from './probe-graph.ts'
import type { System } from './system.ts'

/** What {@link enableGpu} works with. */
export interface EnableInit {
  readonly provider: 'webgpu' | 'cuda'
  readonly system: System
  readonly start: () => EndableEngine
  readonly download: CudaDownload
  /** Asks a person; `undefined` when nobody is there to answer. */
  readonly confirm: (question: string) => Promise<boolean | undefined>
  /** Says what is under way. */
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

/**
 * Makes a GPU ready and proves one run on it. For CUDA: looks at GPU, driver and libraries before anything is fetched, then
 * asks. Throws `device.no-gpu`, `device.old-driver`, `device.no-library`, `device.not-offered`, `device.not-confirmed`,
 * `device.download-failed`, `device.wrong-results`, and what the engine throws (`engine.no-provider`).
 */
export async function enableGpu(init: EnableInit): Promise<void> {
  if (init.provider === 'cuda') {
    await checkCuda(init)
    if (await fetchLibrary(init)) await checkCuda(init) // what it needs is known for sure now
  }
  init.note(`running a small graph on ${init.provider} ...`)
  await proveRun(init)
}

async function checkCuda({ system, download }: EnableInit): Promise<void> {
  const [gpu] = await nvidiaGpus(system)
  if (!gpu)
    throw missing('device.no-gpu', 'expected an NVIDIA GPU that this process may use; nvidia-smi lists none here', {
      remedy: 'install the driver of NVIDIA, or look at CUDA_VISIBLE_DEVICES',
    })
  const release = cudaRelease(system, download.path)
  const { name, oldestDriver } = release
  if (!isAtLeast(gpu.driver, oldestDriver))
    throw missing(
      'device.old-driver',
      `expected NVIDIA's driver ${oldestDriver} or newer for ${name}, found ${gpu.driver}`,
      { remedy: "update NVIDIA's driver" },
    )
  const absent = (await cudaLibraries(system, release)).flatMap(({ file, path }) => (path === undefined ? [file] : []))
  if (absent.length > 0)
    throw missing('device.no-library', `expected ${name} and cuDNN 9; the loader finds no ${absent.join(', ')}`, {
      absent,
      remedy: 'install them from NVIDIA, and name their folder in LD_LIBRARY_PATH if it is not one of the system',
    })
}

/** Whether it had to be fetched. */
async function fetchLibrary({ download, confirm, note, signal }: EnableInit): Promise<boolean> {
  if (download.isHere()) return false
  if (!download.offered) throw missing('device.not-offered', 'onnxruntime-node brings CUDA for Linux on x64 alone', {})
  const sizeBytes = await download.sizeBytes(signal)
  const size =
    sizeBytes === undefined ? 'of a size that its feed does not tell now' : `${Math.ceil(sizeBytes / 2 ** 20)} MiB`
  const what = `${download.name}, ${size}: onnxruntime's libraries for CUDA, from NuGet into onnxruntime-node's folder`
  if ((await confirm(`This fetches ${what}. Go on?`)) !== true)
    throw userError('device.not-confirmed', `expected a yes to fetching ${what}`, {
      remedy: 'aivida device enable cuda --yes',
    })
  note(`fetching ${what} ...`)
  await download.fetch(signal)
  return true
}

/** By how much a GPU's results may differ from the CPU's on the probe graph, of the largest one. */
const TOLERANCE = 1e-3

/** One run on the GPU and one on the CPU, which agree but for rounding. */
async function proveRun({ provider, start, signal }: EnableInit): Promise<void> {
  const engine = start()
  try {
    const count = PROBE_SHAPE.reduce((all, dim) => all * dim, 1)
    const numbers = Float32Array.from({ length: count }, (_, i) => Math.sin(i))
    const x: Tensor = { dtype: 'float32', shape: PROBE_SHAPE, data: new Uint8Array(numbers.buffer) }
    const run = async (on: 'cpu' | 'webgpu' | 'cuda') =>
      (await engine.load({ graph: PROBE_GRAPH }, { provider: on, signal })).run({ x }, { signal })
    const [found, expected] = [await run(provider), await run('cpu')]
    const far = distance(found, expected)
    if (far > TOLERANCE)
      throw missing(
        'device.wrong-results',
        `expected ${provider} to give what the CPU gives, found results ${far} apart`,
        {
          remedy: 'update the driver of this GPU',
        },
      )
  } finally {
    await engine.kill()
  }
}

/** The largest difference of two sets of results, as a share of the largest number of its tensor. */
function distance(found: NamedTensors, expected: NamedTensors): number {
  let largest = 0
  for (const [name, tensor] of Object.entries(expected)) {
    const [a, b] = [found[name]!, tensor].map((each) => Array.from(typedArrayOf(each), Number)) as [number[], number[]]
    const scale = Math.max(1e-30, ...b.map(Math.abs))
    for (const [i, number] of b.entries()) largest = Math.max(largest, Math.abs(a[i]! - number) / scale)
    if (a.some(Number.isNaN)) return Number.POSITIVE_INFINITY
  }
  return largest
}

function missing(code: string, message: string, facts: Readonly<Record<string, unknown>>): AividaError {
  return new AividaError({ code, category: 'platform', message, facts })
}
