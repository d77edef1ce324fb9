import * as nodeFs from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Digest } from '../../base/index.ts'
import { torn } from './blob-errors.ts'
import { type FileSystem, fill, openOrMake, readUpTo, replaceFile, syncDirectory, writeAll } from './directory-files.ts'
import { diskError, isMissing } from './disk-error.ts'
import type { BlobDraft, BlobMedium, StoredBlob } from './medium.ts'
import { chunkCount, packDigests } from './tree.ts'

/**
 * Blobs as files of a directory that one process owns:
 *
 *     blobs/ab/abcd...          the bytes and nothing else, so that an engine maps the file as it is
 *     blobs/ab/abcd....chunks   packed chunk digests, when there is more than one
 *     partial/abcd...           a blob that is arriving, at its full length; .have: a byte per chunk, 1 when it is here
 *     pins/1234...              the pins of one owner
 *     incoming/                 what is being written; emptied at the start
 *
 * What is written is synced, then renamed into place: its rename is the commit.
 */
export async function directoryMedium(dir: string, fs: FileSystem = nodeFs): Promise<BlobMedium> {
  const blobPath = (root: Digest) => blobIn(dir, root)
  const partialPath = (root: Digest) => partialIn(dir, root)
  const remove = (...paths: string[]) => removeAll(fs, paths)
  /** Removals under way: what takes a removed file's place waits for them, or they would remove it. */
  const removals = new Map<Digest, Promise<unknown>>()
  const removeBlob = (root: Digest, ...paths: string[]) =>
    guard(async () => {
      const removed = remove(...paths)
      removals.set(root, removed)
      await removed.finally(() => removals.delete(root))
    })
  const readOrEmpty = (path: string) => fs.readFile(path).catch(ifMissing(new Uint8Array()))
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw diskError(error, dir)
    }
  }
  let drafts = 0
  const incomingPath = () => join(dir, 'incoming', String(drafts++))

  /** The draft that `handle` writes; `extra` is what else goes away with it. */
  function draftAt(path: string, handle: nodeFs.FileHandle, extra?: { path: string; handle: nodeFs.FileHandle }) {
    const paths = extra ? [path, extra.path] : [path]
    const close = async () => void (await Promise.all([handle.close(), extra?.handle.close()]))
    return {
      close: () => guard(close),
      write: (offset, bytes) => guard(() => writeAll(handle, offset, bytes)),
      commit: ({ root, chunks }) =>
        guard(async () => {
          const target = blobPath(root)
          await handle.datasync()
          await close()
          if (await fs.mkdir(dirname(target), { recursive: true, mode: 0o700 }))
            await syncDirectory(fs, join(dir, 'blobs'))
          await removals.get(root)
          if (chunks.length > 1) await replaceFile(fs, incomingPath(), `${target}.chunks`, packDigests(chunks))
          await fs.rename(path, target)
          await syncDirectory(fs, dirname(target))
          if (extra) await remove(extra.path).catch(() => {})
        }),
      async discard() {
        await close().catch(() => {})
        await remove(...paths).catch(() => {})
      },
    } satisfies BlobDraft & { close(): Promise<void> }
  }

  await guard(async () => {
    for (const name of ['blobs', 'partial', 'pins', 'incoming'])
      await fs.mkdir(join(dir, name), { recursive: true, mode: 0o700 })
  })

  return {
    scan: () => guard(() => scan(dir, fs)),

    draft: () =>
      guard(async () => {
        const path = incomingPath()
        return draftAt(path, await fs.open(path, 'wx', 0o600))
      }),

    sharedDraft: () =>
      guard(async () => {
        const path = resolve(incomingPath())
        const handle = await fs.open(path, 'wx+', 0o600)
        const { commit, discard } = draftAt(path, handle)
        const { ino: inode } = await handle.stat()
        return {
          async commit(tree) {
            const found = await guard(() => fs.lstat(path).catch(ifMissing(undefined)))
            if (found?.ino !== inode) throw torn(`the file that was made at ${path}`, found ? 'another one' : 'nothing')
            await commit(tree)
          },
          discard,
          file: { path, inode },
          sizeBytes: () => guard(async () => (await handle.stat()).size),
          read: (offset, room) => guard(() => fill(handle, offset, room)),
          flush: () => guard(() => handle.datasync()),
        }
      }),

    partial: (root, sizeBytes) =>
      guard(async () => {
        await removals.get(root)
        const have = { path: `${partialPath(root)}.have`, flags: new Uint8Array(chunkCount(sizeBytes)) }
        const before = await readOrEmpty(have.path)
        if (before.byteLength === have.flags.byteLength) have.flags.set(before)
        const data = await openOrMake(fs, partialPath(root))
        const haveFile = await openOrMake(fs, have.path)
        const draft = draftAt(partialPath(root), data, { path: have.path, handle: haveFile })
        try {
          await data.truncate(sizeBytes)
          await haveFile.truncate(have.flags.byteLength)
        } catch (error) {
          await draft.discard()
          throw error
        }
        return {
          ...draft,
          marked: Array.from(have.flags.keys()).filter((chunk) => have.flags[chunk] === 1),
          read: (offset, length) => guard(() => readUpTo(data, offset, length)),
          mark: (chunk) => guard(() => writeAll(haveFile, chunk, Uint8Array.of(1))),
        }
      }),

    open: (root) =>
      guard(async () => {
        const path = blobPath(root)
        const handle = await fs.open(path, 'r').catch(ifMissing(undefined))
        return (
          handle && {
            file: { path, fd: handle.fd },
            read: (offset, length) => guard(() => readUpTo(handle, offset, length)),
            close: () => guard(() => handle.close()),
          }
        )
      }),

    digests: (root) => guard(() => readOrEmpty(`${blobPath(root)}.chunks`)),
    touch: (root, nowWallMs) => guard(() => fs.utimes(blobPath(root), nowWallMs / 1000, nowWallMs / 1000)),
    remove: (root) => removeBlob(root, blobPath(root), `${blobPath(root)}.chunks`),
    removePartial: (root) => removeBlob(root, partialPath(root), `${partialPath(root)}.have`),
    savePins: (ownerDigest, bytes) =>
      guard(async () => {
        const path = join(dir, 'pins', ownerDigest)
        if (bytes) await replaceFile(fs, incomingPath(), path, bytes)
        else await remove(path)
        await syncDirectory(fs, join(dir, 'pins'))
      }),
  }
}

/** What an earlier run left, the blobs used longest ago first; what is no blob goes. */
async function scan(dir: string, fs: FileSystem): ReturnType<BlobMedium['scan']> {
  await removeAll(
    fs,
    (await fs.readdir(join(dir, 'incoming'))).map((name) => join(dir, 'incoming', name)),
  )
  const blobs: (StoredBlob & { usedMs: number })[] = []
  for (const shelf of await fs.readdir(join(dir, 'blobs'))) {
    const names = new Set(await fs.readdir(join(dir, 'blobs', shelf)))
    for (const name of names) {
      if (!names.has(name.slice(0, ROOT_CHARACTERS))) await removeAll(fs, [join(dir, 'blobs', shelf, name)])
      if (!isRoot(name)) continue
      const { size, mtimeMs } = await fs.stat(blobIn(dir, name))
      blobs.push({ root: name, sizeBytes: size, usedMs: mtimeMs })
    }
  }
  const partials: StoredBlob[] = []
  for (const root of (await fs.readdir(join(dir, 'partial'))).filter(isRoot))
    partials.push({ root, sizeBytes: (await fs.stat(partialIn(dir, root))).size })
  const pins = (await fs.readdir(join(dir, 'pins'))).map((name) => fs.readFile(join(dir, 'pins', name)))
  return { blobs: blobs.sort((a, b) => a.usedMs - b.usedMs), partials, pins: await Promise.all(pins) }
}

function blobIn(dir: string, root: Digest): string {
  return join(dir, 'blobs', root.slice(0, 2), root)
}

function partialIn(dir: string, root: Digest): string {
  return join(dir, 'partial', root)
}

function removeAll(fs: FileSystem, paths: readonly string[]): Promise<unknown> {
  return Promise.all(paths.map((path) => fs.rm(path, { force: true })))
}

const ROOT_CHARACTERS = 64

function isRoot(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name)
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return value
    throw error
  }
}
