import { fileURLToPath } from 'node:url'
import { KernelClient } from '../../kernel/client/index.ts'

const main = fileURLToPath(new URL('../../kernel/main.ts', import.meta.url))

/** How the kernel of this checkout is started, without its start-up snapshot. */
export const REAL_KERNEL = [process.execPath, '--disable-warning=ExperimentalWarning', main, '{connection_file}']

/** Starts the kernel of this checkout in its own process. */
export function startRealKernel(options: { readonly cwd?: string; readonly env?: Record<string, string> } = {}) {
  return KernelClient.start({ argv: REAL_KERNEL, ...options })
}
