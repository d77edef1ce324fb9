import type { System } from './system.ts'

/** A GPU as NVIDIA's driver tells of it. */
export interface NvidiaGpu {
  /** By which CUDA counts it, in the order of the bus, of those that this process may use. */
  readonly index: number
  readonly model: string
  /** Of the kernel's module, such as `570.86.15`. */
  readonly driver: string
  readonly memoryBytes: number
  /** Such as `9.0`; decides which kernels are used. */
  readonly computeCapability: string
}

/** A major version of CUDA: what onnxruntime's library for it is linked against, or loads when it is first needed. */
export interface CudaRelease {
  readonly name: string
  /** The oldest driver that runs its programs (NVIDIA's table of minor version compatibility). */
  readonly oldestDriver: string
  /** Names for the loader. */
  readonly libraries: Readonly<Record<'cudart' | 'cublas' | 'cublasLt' | 'cufft' | 'curand' | 'cudnn', string>>
}

/** What the npm package of onnxruntime fetches is built for. */
export const CUDA_12: CudaRelease = {
  name: 'CUDA 12',
  oldestDriver: '525.60.13',
  libraries: {
    cudart: 'libcudart.so.12',
    cublas: 'libcublas.so.12',
    cublasLt: 'libcublasLt.so.12',
    cufft: 'libcufft.so.11',
    curand: 'libcurand.so.10',
    cudnn: 'libcudnn.so.9',
  },
}

/** What the Python package `onnxruntime-gpu` of the same version brings is built for. */
const CUDA_13: CudaRelease = {
  name: 'CUDA 13',
  oldestDriver: '580.65.06',
  libraries: {
    cudart: 'libcudart.so.13',
    cublas: 'libcublas.so.13',
    cublasLt: 'libcublasLt.so.13',
    cufft: 'libcufft.so.12',
    curand: 'libcurand.so.10',
    cudnn: 'libcudnn.so.9',
  },
}

/** Which CUDA a library of onnxruntime needs, by its own list; {@link CUDA_12} where there is none yet. */
export function cudaRelease(system: System, provider: string): CudaRelease {
  const needed = system.inspect(provider)?.needed ?? []
  return needed.includes(CUDA_13.libraries.cudart) ? CUDA_13 : CUDA_12
}

const QUERY = ['index', 'name', 'driver_version', 'memory.total', 'compute_cap', 'uuid']

/** The GPUs that this process may use; none where there is no NVIDIA driver. */
export async function nvidiaGpus(system: System): Promise<NvidiaGpu[]> {
  const text = await system.run('nvidia-smi', [`--query-gpu=${QUERY.join(',')}`, '--format=csv,noheader,nounits'])
  const rows = (text ?? '').split('\n').map((line) => line.split(',').map((cell) => cell.trim()))
  const all = rows.filter((row) => row.length === QUERY.length && /^\d+$/.test(row[0]!))
  return visible(all, system.env.CUDA_VISIBLE_DEVICES).map(
    ([, model, driver, mebibytes, computeCapability], index) => ({
      index,
      model: model!,
      driver: driver!,
      memoryBytes: Number(mebibytes) * 2 ** 20,
      computeCapability: computeCapability!,
    }),
  )
}

/** A library that was looked for. */
export interface FoundLibrary {
  readonly name: string
  readonly file: string
  /** `undefined` where the loader finds none. */
  readonly path: string | undefined
}

/** Where the libraries of a release are. */
export async function cudaLibraries(system: System, { libraries }: CudaRelease): Promise<FoundLibrary[]> {
  const found = Object.entries(libraries).map(async ([name, file]) => ({
    name,
    file,
    path: await system.library(file),
  }))
  return Promise.all(found)
}

/** Whether a dotted version is at least another. */
export function isAtLeast(version: string, oldest: string): boolean {
  const [ours, theirs] = [version, oldest].map((text) => text.split('.').map(Number)) as [number[], number[]]
  for (const [i, part] of theirs.entries()) if ((ours[i] ?? 0) !== part) return (ours[i] ?? 0) > part
  return true
}

/** CUDA's own mask: positions or the beginnings of ids, up to the first that names nothing. */
function visible(rows: readonly string[][], mask: string | undefined): readonly string[][] {
  if (mask === undefined) return rows
  const chosen: string[][] = []
  for (const name of mask.split(',')) {
    const row = rows.find(
      (each) => each[0] === name.trim() || (name.trim().startsWith('GPU-') && each[5]!.startsWith(name.trim())),
    )
    if (!row) break
    chosen.push(row)
  }
  return chosen
}
