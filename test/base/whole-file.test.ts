import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeWhole } from '../../runtime/base/whole-file.ts'

const test = suite('whole files')
const folder = await mkdtemp(join(tmpdir(), 'aivida-whole-'))
test.after(() => rm(folder, { recursive: true }))

test('pieces become one file in the place of the one that was there, and nothing stays beside it', async () => {
  const path = join(folder, 'file')
  await writeFile(path, 'before, and longer than what comes')
  const written = await writeWhole(path, [Buffer.from('one '), Buffer.from('two')])
  assert.equal(written, { path, sizeBytes: 7 })
  assert.is(await readFile(path, 'utf8'), 'one two')
  assert.equal(await readdir(folder), ['file'])
})

test('where the pieces end early, what was there stays', async () => {
  const path = join(folder, 'file')
  const broken = async function* () {
    yield Buffer.from('half')
    throw Object.assign(new Error('no space left'), { code: 'ENOSPC', errno: -28, syscall: 'write' })
  }
  const error = await writeWhole(path, broken()).catch((failure) => failure)
  assert.is(error.code, 'disk.full')
  assert.is(await readFile(path, 'utf8'), 'one two')
  assert.equal(await readdir(folder), ['file'])
})

test('a secret is nobody else to read', async () => {
  const path = join(folder, 'secret')
  await writeWhole(path, [Buffer.from('s')], { mode: 0o600 })
  if (process.platform !== 'win32') assert.is((await stat(path)).mode & 0o777, 0o600)
})

test.run()
