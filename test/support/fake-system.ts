import type { SharedLibrary } from '../../runtime/compute/device/elf.ts'
import type { System } from '../../runtime/compute/device/system.ts'

/** A Linux machine with one NVIDIA GPU, its driver, CUDA 12 and cuDNN 9; what is given replaces parts of it. */
export function fakeSystem({
  driver = '570.86.15',
  gpus = [`0, NVIDIA H100 80GB HBM3, ${driver}, 81559, 9.0, GPU-aaaa`],
  libraries = {},
  files = {},
  inspected = {},
  ...rest
}: {
  readonly driver?: string
  /** Lines of nvidia-smi. */
  readonly gpus?: readonly string[] | 'not installed'
  /** Where libraries lie, by name; `undefined` for one that is missing. */
  readonly libraries?: Readonly<Record<string, string | undefined>>
  /** Content by path. */
  readonly files?: Readonly<Record<string, string>>
  /** What libraries say of themselves, by the end of their path. */
  readonly inspected?: Readonly<Record<string, SharedLibrary>>
} & Partial<Pick<System, 'env' | 'platform'>> = {}): System {
  const installed: Readonly<Record<string, string | undefined>> = {
    'libcudart.so.12': '/cuda/libcudart.so.12.8.90',
    'libcublas.so.12': '/cuda/libcublas.so.12.8.4.1',
    'libcublasLt.so.12': '/cuda/libcublasLt.so.12.8.4.1',
    'libcufft.so.11': '/cuda/libcufft.so.11.3.3.83',
    'libcurand.so.10': '/cuda/libcurand.so.10.3.9.90',
    'libcudnn.so.9': '/cuda/libcudnn.so.9.7.1',
    ...libraries,
  }
  return {
    platform: 'linux',
    arch: 'x64',
    release: '6.1.0',
    env: { NVIDIA_TF32_OVERRIDE: '0' },
    run: async (file) => (file === 'nvidia-smi' && gpus !== 'not installed' ? `${gpus.join('\n')}\n` : undefined),
    read: (path) => (files[path] === undefined ? undefined : Buffer.from(files[path])),
    list: (path) => [
      ...new Set(
        Object.keys(files)
          .filter((file) => file.startsWith(`${path}/`))
          .map((file) => file.slice(path.length + 1).split('/')[0]!),
      ),
    ],
    library: async (name) => installed[name],
    inspect: (path) => Object.entries(inspected).find(([end]) => path.endsWith(end))?.[1],
    ...rest,
  }
}
