import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

/**
 * An empty folder for children to stand in, so that no relative path of a model leads anywhere. One per process, made
 * when first asked for, made again when a cleaner of temporary files took it, removed when this process exits.
 */
export function emptyFolder(): string {
  if (folder !== undefined && existsSync(folder)) return folder
  if (folder === undefined) process.once('exit', () => folder && rmSync(folder, { recursive: true, force: true }))
  folder = mkdtempSync(join(tmpdir(), 'aivida-engine-'))
  return folder
}
