/** Where what was compiled is kept between starts. Plain JavaScript, for launchers. */
import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** `.cache` beside the packages, as trusted as they are; where that cannot be written, the user's. */
export function cacheFolder() {
  const packages = basename(dirname(root)) === 'node_modules' ? dirname(root) : join(root, 'node_modules')
  const beside = join(packages, '.cache', 'aivida')
  return isWritable(beside) ? beside : join(usersCache(), 'aivida')
}

function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function usersCache() {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME
  if (process.platform === 'win32') return process.env.LOCALAPPDATA ?? join(homedir(), 'AppData/Local')
  return process.platform === 'darwin' ? join(homedir(), 'Library/Caches') : join(homedir(), '.cache')
}
