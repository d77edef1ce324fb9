import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open, readdir, readlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isAividaError } from '../../../runtime/base/errors.ts'
import { limit } from '../../../runtime/base/limits.ts'
import type { ModelFile } from '../../../runtime/compute/engine/engine.ts'
import { openModelFile, openModelFiles, readModelFile } from '../../../runtime/compute/engine/model-file.ts'
import { skip } from '../../support/skip.ts'

const test = suite('model file')

const folder = mkdtempSync(join(tmpdir(), 'aivida-test-'))
test.after(() => rmSync(folder, { recursive: true }))
const content = Buffer.from(Uint8Array.from({ length: 2.5 * limit('chunkBytes') }, (_, i) => (i * 31) % 251))
const path = join(folder, 'model')
writeFileSync(path, content)

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    return isAividaError(error) ? error.code : String(error)
  }
}

test('bytes, paths and descriptors give the same pieces, none above a chunk', async () => {
  const handle = await open(path)
  await handle.read(Buffer.alloc(7)) // where the descriptor stands does not matter
  for (const file of [content, { path }, { fd: handle.fd }] satisfies ModelFile[]) {
    const opened = await openModelFile(file)
    const pieces: Uint8Array[] = []
    for await (const piece of opened.chunks()) pieces.push(Uint8Array.from(piece))
    await opened.close()
    assert.is(opened.sizeBytes, content.byteLength)
    assert.ok(pieces.every(({ byteLength }) => byteLength <= limit('chunkBytes')))
    assert.ok(content.equals(Buffer.concat(pieces)))
    assert.ok(content.equals(await readModelFile(file)))
  }
  await handle.close()
})

test('a file that is missing, a folder, or ends early is told apart', async () => {
  assert.is(await codeOf(openModelFile({ path: join(folder, 'nowhere') })), 'model.missing')
  assert.is(await codeOf(openModelFile({ path: folder })), 'model.unreadable')
  assert.is(await codeOf(openModelFile({ fd: 2 ** 20 })), 'model.unreadable')
  const short = join(folder, 'short')
  writeFileSync(short, content)
  const opened = await openModelFile({ path: short })
  truncateSync(short, 10)
  const drain = async () => {
    for await (const piece of opened.chunks()) assert.ok(piece.byteLength <= 10)
  }
  assert.is(await codeOf(drain()), 'model.unreadable')
  await opened.close()
})

test('a read that is called off ends', async () => {
  assert.is(await codeOf(readModelFile({ path }, AbortSignal.abort())), 'aborted')
})

test('when one file of several cannot be opened, none stays open', async () => {
  if (process.platform !== 'linux') return skip('/proc is on Linux only')
  assert.is(await codeOf(openModelFiles([{ path }, { path }, { path: join(folder, 'nowhere') }])), 'model.missing')
  const targets = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
  assert.not((await Promise.all(targets)).includes(path))
})

test.run()
