import { mkdir, rmdir, symlink } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { dataFolder } from '../node/data-folder.ts'

/** Beside the packages, as trusted as they are. */
const PACKAGE = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
const SHARED = fileURLToPath(new URL(`${PACKAGE}/node_modules/.cache/aivida-local`, import.meta.url))

/**
 * Gives a new node of this machine the cache that all local nodes share: which classes are exact, proven by two engine
 * processes more, is the same for all of them. One that has a cache of its own keeps it, as does each node where the shared
 * one cannot be made.
 */
export async function shareCache(dataDir: string): Promise<void> {
  const own = dataFolder(dataDir).cache
  try {
    await mkdir(SHARED, { recursive: true, mode: 0o700 })
    await rmdir(own) // fails unless it is empty
    await symlink(SHARED, own, 'junction')
  } catch {
    // Its own is there, or the node makes one.
  }
}
