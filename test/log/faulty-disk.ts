import type { Disk, DiskFile } from '../../runtime/log/index.ts'
import { unlockedDisk } from './scratch.ts'

/** What goes wrong on a {@link faultyDisk}; may be changed at any time. */
export interface Faults {
  /** Bytes that can still be written before the disk is full. */
  freeBytes: number
  /** Files whose sync fails, by a part of their name. */
  failSyncOf: string | undefined
  /** Directory syncs so far. */
  dirSyncs: number
}

/** A real disk on which things go wrong when told to. */
export function faultyDisk(): { disk: Disk; faults: Faults } {
  const faults: Faults = { freeBytes: Number.POSITIVE_INFINITY, failSyncOf: undefined, dirSyncs: 0 }
  const open: Disk['open'] = async (path, mode) => {
    const file = await unlockedDisk.open(path, mode)
    const faulty: DiskFile = {
      ...file,
      async write(bytes, at) {
        const fits = Math.min(bytes.byteLength, faults.freeBytes)
        await file.write(bytes.subarray(0, fits), at)
        faults.freeBytes -= fits
        if (fits < bytes.byteLength) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      },
      async sync() {
        if (faults.failSyncOf !== undefined && path.includes(faults.failSyncOf))
          throw Object.assign(new Error('i/o error'), { code: 'EIO' })
        await file.sync()
      },
    }
    return faulty
  }
  const syncDir: Disk['syncDir'] = async (dir) => {
    faults.dirSyncs++
    await unlockedDisk.syncDir(dir)
  }
  return { disk: { ...unlockedDisk, open, syncDir }, faults }
}
