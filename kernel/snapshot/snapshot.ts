import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { AividaError } from '../../runtime/base/errors.ts'

/** What the launcher says of the snapshot. */
const statusSchema = z.object({
  /** Where it is, or would be. */
  folder: z.string(),
  /** Absent when there is none that fits. */
  blob: z.string().optional(),
  bytes: z.number().optional(),
})

/** How the kernel's start-up snapshot is; without one it starts in three times the time. */
export type SnapshotStatus = z.infer<typeof statusSchema>

/** Looks whether a snapshot fits this package and the Node that runs this. Throws `kernel.snapshot`. */
export async function snapshotStatus(): Promise<SnapshotStatus> {
  return await ask('status')
}

/**
 * Builds the snapshot where none fits: some seconds of one core, some 35 MB under `node_modules/.cache` or the user's cache folder.
 * Throws `kernel.snapshot`, which says why; kernels start without it then.
 */
export async function buildSnapshot(): Promise<SnapshotStatus> {
  return await ask('build')
}

async function ask(what: 'status' | 'build'): Promise<SnapshotStatus> {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  const launcher = fileURLToPath(new URL(`${root}/kernel/launch.js`, import.meta.url))
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [launcher, 'snapshot', what])
    return statusSchema.parse(JSON.parse(stdout))
  } catch (error) {
    const told = String((error as { stderr?: string }).stderr ?? '').trim()
    const message = told === '' ? `the launcher does not say how the start-up snapshot is: ${error}` : told
    throw new AividaError({ code: 'kernel.snapshot', category: 'platform', message, cause: error })
  }
}
