import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The descriptor of requests and replies that a child inherits. */
export const CHANNEL_FD = 3
/** Another one, on which nothing is ever sent: its end says that the parent is gone. */
export const LIFELINE_FD = 4

/** What a child is started with. */
export interface ChildSettings {
  /** Which engine it is. Default: `auto`. */
  readonly engine?: EngineChoice
  /** Node to run the child with. Default: the one running now. */
  readonly nodePath?: string
  /** Resident memory above which the child is killed; also bounds its JavaScript heap and one message. Bytes. */
  readonly memoryBytes: number
  /** Further variables of its environment: where the drivers of GPUs are, see {@link gpuEnvironment}. Default: none. */
  readonly environment?: Readonly<Record<string, string>>
}

/** By what name an engine is asked for. `auto` is onnxruntime: its native build, or WebAssembly where none exists. */
export const ENGINE_CHOICES = ['auto', 'onnxruntime-node', 'onnxruntime-web', 'tfjs'] as const

/** See {@link ENGINE_CHOICES}. */
export type EngineChoice = (typeof ENGINE_CHOICES)[number]

/** Variables that say where a GPU's driver and libraries are and which GPUs may be used; a child gets no others. */
const GPU_VARIABLES = ['LD_LIBRARY_PATH', 'VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'CUDA_VISIBLE_DEVICES'] as const

/**
 * What an engine on a GPU needs of this process's environment. TF32, which drops 13 bits of a product's factors without a
 * word, is off: who says float32 means it. CUDA counts GPUs in the order of the bus, as NVIDIA's other programs do.
 */
export function gpuEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found = GPU_VARIABLES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]))
  return { NVIDIA_TF32_OVERRIDE: '0', CUDA_DEVICE_ORDER: 'PCI_BUS_ID', ...Object.fromEntries(found) }
}

/** A command line and the whole environment it runs in. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The command line of a child: the one place that a sandbox changes. */
export function engineCommand(settings: ChildSettings): Command {
  const { nodePath, memoryBytes, engine = 'auto', environment } = settings
  const cache = codeCache()
  // Tensors lie outside the heap; what is inside are headers and strings.
  const heapMiB = Math.max(64, Math.ceil(memoryBytes / 4 / 2 ** 20))
  return {
    file: nodePath ?? process.execPath,
    args: [
      `--max-old-space-size=${heapMiB}`,
      '--disable-warning=ExperimentalWarning',
      MAIN,
      String(memoryBytes),
      engine,
    ],
    env: {
      ...environment,
      ORT_DISABLE_TELEMETRY: '1',
      ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }),
    },
  }
}

/**
 * Where Node keeps what children compiled, so that the next one starts in half the time: beside this process's own cache,
 * but not in it, because a child runs the graphs of strangers. None where this process has none.
 */
function codeCache(): string | undefined {
  const own = getCompileCacheDir()
  return own === undefined ? undefined : join(dirname(own), 'engine')
}

/** TypeScript in a checkout (Node strips the types itself), JavaScript in the installed package. */
const MAIN = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url))
