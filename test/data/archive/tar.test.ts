import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ArchiveFile, readTar, tarOf } from '../../../runtime/data/archive/index.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'

const file = (name: string, text: string): ArchiveFile => ({
  name,
  sizeBytes: Buffer.byteLength(text),
  content: () => [Buffer.from(text)],
})
const FILES = [file('manifest.json', '{"v":1}'), file('blobs/empty', ''), file('blobs/full', 'x'.repeat(1024))]
const archive = async (files: readonly ArchiveFile[]) => Buffer.concat(await Array.fromAsync(tarOf(files)))
const source = (bytes: Uint8Array) => ({
  sizeBytes: bytes.byteLength,
  read: async (at: number, length: number) => bytes.subarray(at, at + length),
})
const refused = (bytes: Uint8Array) => codeOf(() => readTar(source(bytes)))

test('files that were written are found again, and the same files give the same bytes', async () => {
  const bytes = await archive(FILES)
  const found = await readTar(source(bytes))
  assert.equal(
    found.map(({ name, at, sizeBytes }) => [name, bytes.toString('latin1', at, at + sizeBytes)]),
    [
      ['manifest.json', '{"v":1}'],
      ['blobs/empty', ''],
      ['blobs/full', 'x'.repeat(1024)],
    ],
  )
  assert.equal(await archive(FILES), bytes)
})

test('the tar of the system opens ours, and we open its', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'aivida-tar-'))
  try {
    writeFileSync(join(dir, 'ours.tar'), await archive(FILES))
    const list = execFileSync('tar', ['-tf', 'ours.tar'], { cwd: dir, encoding: 'utf8' })
    assert.equal(list.trim().split('\n'), ['manifest.json', 'blobs/empty', 'blobs/full'])
    execFileSync('tar', ['-xf', 'ours.tar'], { cwd: dir })
    execFileSync('tar', ['--format=ustar', '-cf', 'theirs.tar', 'manifest.json', 'blobs/full'], { cwd: dir })
    const theirs = await readTar(source(readFileSync(join(dir, 'theirs.tar'))))
    assert.equal(
      theirs.map(({ name, sizeBytes }) => [name, sizeBytes]),
      [
        ['manifest.json', 7],
        ['blobs/full', 1024],
      ],
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('an archive that breaks off anywhere, is altered, or is none is refused', async () => {
  const bytes = await archive(FILES)
  for (let end = 0; end < bytes.byteLength; end += 511)
    assert.is(await refused(bytes.subarray(0, end)), 'archive.malformed', `${end} bytes`)
  const altered = Buffer.from(bytes)
  altered[3]! ^= 1 // of a name
  assert.is(await refused(altered), 'archive.malformed')
  assert.is(await refused(Buffer.concat([bytes, Buffer.from('more')])), 'archive.malformed')
  assert.is(await refused(await archive([FILES[0]!, FILES[0]!])), 'archive.malformed')
})

test('a name that leads elsewhere is never written, and a length that was not kept is told', async () => {
  for (const name of ['../up', '/root', 'a/b/c', '.hidden', 'a b', ''])
    assert.is(await codeOf(() => archive([file(name, '')])), 'archive.name', name)
  assert.is(await codeOf(() => archive([{ ...FILES[0]!, sizeBytes: 9 }])), 'archive.changed')
  assert.is(await codeOf(() => archive([{ ...FILES[0]!, sizeBytes: 3 }])), 'archive.changed')
})

test('a file of more than 8 GiB has a size', async () => {
  const pieces = tarOf([{ name: 'large', sizeBytes: 2 ** 34 + 5, content: () => [] }])
  const { value: head } = await pieces.next()
  const sizeBytes = 2 ** 34 + 5 + 5_000
  const read = async (at: number, length: number) => (at === 0 ? head! : new Uint8Array(length))
  const [found] = await readTar({ sizeBytes, read })
  assert.is(found?.sizeBytes, 2 ** 34 + 5)
})

test.run()
