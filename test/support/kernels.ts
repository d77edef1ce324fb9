import { fileURLToPath } from 'node:url'
import { KernelClient } from '../../kernel/client/index.ts'
import { launcher } from '../../kernel/install/kernelspec.ts'
import { buildSnapshot } from '../../kernel/snapshot/snapshot.ts'

const node = [process.execPath, '--disable-warning=ExperimentalWarning']
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** How the kernel of this checkout is started, without its start-up snapshot. */
export const REAL_KERNEL = [...node, pathOf('../../kernel/main.ts'), '{connection_file}']

/** How a kernel whose language is a handful of words is started: in a third of the time. */
export const FAKE_KERNEL = [...node, pathOf('fake-kernel.ts'), '{connection_file}']

/** How it is started for its users, from its start-up snapshot; a first one is built, which takes some seconds. */
export async function launchedKernel(): Promise<readonly string[]> {
  await buildSnapshot()
  return [process.execPath, launcher(), '{connection_file}']
}

/** Has a fake kernel `compute` or `loop`; resolves when it does. */
export async function isBusy(kernel: KernelClient, word: string): Promise<void> {
  kernel.execute(word).reply.catch(() => {})
  await kernel.request('kernel_info_request', {}, { ms: 100 }).then(
    () => {
      throw new Error('the kernel is free')
    },
    () => {},
  )
}

/** Starts the kernel of this checkout in its own process. */
export function startRealKernel(options: { readonly cwd?: string; readonly env?: Record<string, string> } = {}) {
  return KernelClient.start({ argv: REAL_KERNEL, ...options })
}
