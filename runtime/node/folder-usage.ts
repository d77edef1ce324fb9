import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, every } from '../base/index.ts'
import type { DiskBudget } from '../data/blob/index.ts'

/** How often folders are measured anew. */
const MEASURE_MS = 30_000

/** Counts folders that something else writes to - journals, logs, caches - into the disk budget. Returns its end. */
export async function countFolders(
  budget: DiskBudget,
  clock: Clock,
  folders: Readonly<Record<string, readonly string[]>>,
): Promise<() => void> {
  const stops = await Promise.all(
    Object.entries(folders).map(async ([name, paths]) => {
      let bytes = await sizeOf(paths)
      const leave = budget.register({ name, usage: () => bytes })
      const stop = every(clock, MEASURE_MS, async () => {
        bytes = await sizeOf(paths)
      })
      return () => {
        stop()
        leave()
      }
    }),
  )
  return () => {
    for (const stop of stops) stop()
  }
}

/** Bytes of all files below these folders; one that is missing has none. */
export async function sizeOf(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(
    paths.map(async (path) => {
      const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => [])
      const files = entries.filter((entry) => entry.isFile())
      const stats = await Promise.all(
        files.map((file) => stat(join(file.parentPath, file.name)).catch(() => undefined)),
      )
      return stats.reduce((sum, found) => sum + (found?.size ?? 0), 0)
    }),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
