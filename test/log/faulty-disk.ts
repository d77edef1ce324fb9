import { statSync } from 'node:fs'
import type { Disk, DiskFile } from '../../runtime/log/index.ts'
import { unlockedDisk } from './scratch.ts'

/** What goes wrong on a {@link faultyDisk}; may be changed at any time. */
export interface Faults {
  /** Bytes by which files can still grow before the disk is full. */
  freeBytes: number
  /** Whether space that a file has may be written again on a full disk; false: the file system writes copies. */
  overwrites: boolean
  /** Files whose sync fails, by a part of their name. */
  failSyncOf: string | undefined
  /** Directory syncs so far. */
  dirSyncs: number
}

/** A real disk on which things go wrong when told to. */
export function faultyDisk(): { disk: Disk; faults: Faults } {
  const faults: Faults = {
    freeBytes: Number.POSITIVE_INFINITY,
    overwrites: true,
    failSyncOf: undefined,
    dirSyncs: 0,
  }
  const open: Disk['open'] = async (path, mode) => {
    const file = await unlockedDisk.open(path, mode)
    let { size } = statSync(path)
    const faulty: DiskFile = {
      ...file,
      async write(bytes, at) {
        const owned = faults.overwrites ? Math.max(0, Math.min(size - at, bytes.byteLength)) : 0
        const fits = owned + Math.min(bytes.byteLength - owned, faults.freeBytes)
        await file.write(bytes.subarray(0, fits), at)
        faults.freeBytes -= fits - owned
        size = Math.max(size, at + fits)
        if (fits < bytes.byteLength) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      },
      async truncate(sizeBytes) {
        await file.truncate(sizeBytes)
        faults.freeBytes += Math.max(0, size - sizeBytes)
        size = sizeBytes
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
