import { libraryVersion, type System } from './system.ts'

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

/** What onnxruntime's CUDA library is linked against: CUDA 12 and cuDNN 9. */
export const CUDA_LIBRARIES = {
  cudart: 'libcudart.so.12',
  cublas: 'libcublas.so.12',
  cublasLt: 'libcublasLt.so.12',
  cufft: 'libcufft.so.11',
  curand: 'libcurand.so.10',
  cudnn: 'libcudnn.so.9',
} as const

/** The oldest driver that runs programs of CUDA 12 (NVIDIA's table of minor version compatibility). */
export const OLDEST_DRIVER = '525.60.13'

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

/** Which versions of {@link CUDA_LIBRARIES} are here; `undefined` for those that are not. */
export async function cudaLibraries(system: System): Promise<Record<keyof typeof CUDA_LIBRARIES, string | undefined>> {
  const found = Object.entries(CUDA_LIBRARIES).map(async ([name, file]) => {
    const path = await system.library(file)
    return [name, path === undefined ? undefined : libraryVersion(path)]
  })
  return Object.fromEntries(await Promise.all(found))
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
