import { fileURLToPath } from 'node:url'

/** The descriptor of requests and replies that a child inherits. */
export const CHANNEL_FD = 3
/** Another one, on which nothing is ever sent: its end says that the parent is gone. */
export const LIFELINE_FD = 4

/** What a child is started with. */
export interface ChildSettings {
  /** Node to run the child with. Default: the one running now. */
  readonly nodePath?: string
  /** Resident memory above which the child is killed; also bounds its JavaScript heap and one message. Bytes. */
  readonly memoryBytes: number
  /** Folder in which Node keeps compiled code between starts, so that a child starts sooner. Default: none. */
  readonly compileCacheDir?: string
}

/** A command line and the whole environment it runs in. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The command line of a child: the one place that a sandbox changes. */
export function engineCommand({ nodePath, memoryBytes, compileCacheDir }: ChildSettings): Command {
  // Tensors lie outside the heap; what is inside are headers and strings.
  const heapMiB = Math.max(64, Math.ceil(memoryBytes / 4 / 2 ** 20))
  return {
    file: nodePath ?? process.execPath,
    args: [`--max-old-space-size=${heapMiB}`, '--disable-warning=ExperimentalWarning', MAIN, String(memoryBytes)],
    env: {
      ORT_DISABLE_TELEMETRY: '1',
      ...(compileCacheDir !== undefined && { NODE_COMPILE_CACHE: compileCacheDir }),
    },
  }
}

/** TypeScript in a checkout (Node strips the types itself), JavaScript in the installed package. */
const MAIN = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url))
