import { join } from 'node:path'
import { directoryBlobStore } from '../../data/blob/index.ts'
import { type OpenBundleOptions, openBundle } from './open-bundle.ts'
import { replay } from './replay.ts'
import type { ReplayInit } from './replay-init.ts'
import { ReplayWorker, type ReplayWorkerInit } from './replay-worker.ts'
import type { Verdict } from './verdict.ts'

/** What a bundle is done again with. */
export interface ReplayOptions
  extends Pick<ReplayWorkerInit, 'config' | 'clock' | 'env'>,
    Pick<ReplayInit, 'signal' | 'tolerate' | 'first' | 'onProgress'>,
    Pick<OpenBundleOptions, 'data'> {
  /** For everything on the way: a folder of its own. */
  readonly dir: string
  /** Where what is known of this machine is kept; see `NodeDevicesInit`. */
  readonly cacheDir: string
}

/** Does the training of a bundle again in this process, without a node. Throws as {@link openBundle} and {@link replay} do. */
export async function replayBundle(path: string, options: ReplayOptions): Promise<Verdict> {
  const { dir, clock, data, signal, ...rest } = options
  const blobs = await directoryBlobStore({ dir: join(dir, 'blobs'), clock })
  const bundle = await openBundle(path, { blobs, dir: join(dir, 'metrics'), signal, ...(data && { data }) })
  const worker = await ReplayWorker.start({ ...rest, clock, blobs, job: bundle.record.job })
  try {
    return await replay({ ...rest, bundle, worker, blobs, signal })
  } finally {
    await worker.stop()
  }
}
