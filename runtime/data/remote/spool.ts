import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { limit, sha256 } from '../../base/index.ts'
import { writeAll } from '../blob/directory-files.ts'
import type { RemoteFile } from './remote-file.ts'

/** How far a download has come, on disk beside it: what was synced counts, so that a power cut leaves no hole. */
const markSchema = z.object({ v: z.literal(1), version: z.string(), sizeBytes: z.number(), syncedBytes: z.number() })

/** Where a file is downloaded to. */
export interface SpoolInit {
  /** Made when it is missing. */
  readonly folder: string
  readonly progress?: (receivedBytes: number) => void
  readonly signal?: AbortSignal
}

/**
 * Downloads a remote file whole and resolves to its path. A later call for the same address goes on where this one ended,
 * whatever ended it, while the server says that it still has the same content. Throws what the remote file throws, and
 * errors of the disk.
 */
export async function spool(remote: RemoteFile, { folder, progress, signal }: SpoolInit): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { path, markPath } = placesOf(folder, remote.name)
  const { version, sizeBytes } = remote
  let at = remote.ranges && version !== undefined ? await syncedBytes(markPath, version, sizeBytes) : 0
  const file = await open(path, at > 0 ? 'r+' : 'w', 0o600).catch(() => {
    at = 0 // the mark was left without its file
    return open(path, 'w', 0o600)
  })
  at = Math.min(at, (await file.stat()).size)
  let [marked, isSafe] = [at, true]
  const mark = async () => {
    await file.datasync()
    marked = at
    await writeFile(markPath, JSON.stringify({ v: 1, version: version ?? '', sizeBytes, syncedBytes: at }), {
      mode: 0o600,
    })
  }
  try {
    await file.truncate(at)
    progress?.(at)
    for await (const piece of remote.stream(at)) {
      signal?.throwIfAborted()
      isSafe = false
      await writeAll(file, at, piece)
      isSafe = true
      at += piece.byteLength
      progress?.(at)
      if (at - marked >= limit('spoolSyncBytes')) await mark()
    }
    await mark()
  } catch (error) {
    if (isSafe) await mark().catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return path
}

/** Removes what was downloaded of an address. */
export async function dropSpool(folder: string, name: string): Promise<void> {
  const { path, markPath } = placesOf(folder, name)
  await Promise.all([rm(path, { force: true }), rm(markPath, { force: true })])
}

/** By the address as it is shown: a new link to the same object goes on with the old one's bytes. */
function placesOf(folder: string, name: string): { readonly path: string; readonly markPath: string } {
  const path = join(folder, sha256(Buffer.from(name)).slice(0, 32))
  return { path, markPath: `${path}.json` }
}

async function syncedBytes(markPath: string, version: string, sizeBytes: number): Promise<number> {
  try {
    const mark = markSchema.parse(JSON.parse(await readFile(markPath, 'utf8')))
    return mark.version === version && mark.sizeBytes === sizeBytes ? Math.min(mark.syncedBytes, sizeBytes) : 0
  } catch {
    return 0 // none, or damaged: it begins anew
  }
}
