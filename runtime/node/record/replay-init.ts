import type { BlobStore } from '../../data/blob/index.ts'
import type { OpenedBundle } from './open-bundle.ts'
import type { ReplayWorker } from './replay-worker.ts'

/** What a training is done again with. */
export interface ReplayInit {
  readonly bundle: OpenedBundle
  readonly worker: Pick<ReplayWorker, 'devices' | 'train' | 'reduce' | 'drop'>
  /** Holds what the bundle holds. */
  readonly blobs: BlobStore
  readonly signal: AbortSignal
  /** Where this machine has no device of the class: a few steps from each recorded state, in a class that it has. */
  readonly tolerate?: boolean
  /** Parts of the record to do again. Default: all. */
  readonly first?: number
  /** Hears of steps done, of all that are to be done. */
  readonly onProgress?: (done: number, of: number) => void
}

/** The device of a class on this machine, where results of the class are the same to the bit. Of a record that names no class: any, the first one. */
export function deviceOf({ devices }: ReplayInit['worker'], determinismClass: string | undefined): string | undefined {
  if (determinismClass === undefined) return devices[0]?.id
  return devices.find((device) => device.determinismClass === determinismClass && device.exact)?.id
}
