import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyFileRefusal, loadOrCreateKey, readKeyFile, writeKeyFile } from '../../../runtime/swarm/identity/index.ts'
import { skip } from '../../support/skip.ts'
import { accountOf, codeOf, peerOf, sampleKey, scratchDir } from './sample-keys.ts'

const key = sampleKey(1)
const dir = scratchDir()
const path = join(dir, 'deep', 'node.key')
const text = `aivida-key/1 node ${peerOf(key)} ${'01'.repeat(32)}\n`
const unixOnly = process.getuid ? test : (name: string) => test(name, () => skip('file modes exist on Unix only'))

/** A key file with this content and mode. */
function place(content: string, mode = 0o600): string {
  const file = join(scratchDir(), 'a.key')
  writeFileSync(file, content, { mode })
  chmodSync(file, mode)
  return file
}

test('a key is written once, as one line that only its owner can read, and comes back', async () => {
  await writeKeyFile(path, 'node', key)
  assert.is(readFileSync(path, 'utf8'), text)
  if (process.getuid) {
    assert.is(statSync(path).mode & 0o777, 0o600)
    assert.is(statSync(join(dir, 'deep')).mode & 0o777, 0o700)
  }
  assert.equal((await readKeyFile(path, 'node')).exportSeed(), key.exportSeed())
  assert.is(await codeOf(() => writeKeyFile(path, 'node', sampleKey(2))), 'key.exists')
  assert.is(readFileSync(path, 'utf8'), text)
})

test('an account key is named by its account id', async () => {
  const file = join(dir, 'account.key')
  await writeKeyFile(file, 'account', key)
  assert.is(readFileSync(file, 'utf8'), `aivida-key/1 account ${accountOf(key)} ${'01'.repeat(32)}\n`)
  assert.is(await codeOf(() => readKeyFile(file, 'node')), 'key.purpose')
})

test('a key that is not there yet is made, and is the same from then on', async () => {
  const file = join(dir, 'new.key')
  assert.is(await codeOf(() => readKeyFile(file, 'node')), 'key.missing')
  const made = await loadOrCreateKey(file, 'node')
  assert.equal((await loadOrCreateKey(file, 'node')).publicKey, made.publicKey)
})

unixOnly('modes that let others in are refused, with the command that mends it', async () => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644, 0o660, 0o666, 0o777, 0o610, 0o601]) {
    const file = place(text, mode)
    const error = await readKeyFile(file, 'node').catch((thrown) => thrown)
    assert.is(error.code, 'key.readable', mode.toString(8))
    assert.match(error.message, `chmod 600 '${file}'`)
    assert.not.match(error.message, '0101')
    assert.is(await codeOf(() => loadOrCreateKey(file, 'node')), 'key.readable')
  }
  for (const mode of [0o600, 0o400]) assert.is(await codeOf(() => readKeyFile(place(text, mode), 'node')), undefined)
})

test("another user's file is refused; where there are no users, none is", () => {
  assert.is(keyFileRefusal('k', { mode: 0o100600, uid: 1001 }, 1000)?.code, 'key.owner')
  assert.is(keyFileRefusal('k', { mode: 0o100600, uid: 1000 }, 1000), undefined)
  assert.is(keyFileRefusal('k', { mode: 0o100666, uid: 0 }, undefined), undefined)
})

test('damage, another version and another purpose are told apart', async () => {
  const readCode = (content: string) => codeOf(() => readKeyFile(place(content), 'node'))
  assert.is(await readCode(''), 'key.damaged')
  assert.is(await readCode(text.slice(0, -9)), 'key.damaged')
  assert.is(await readCode(`${text}more`), 'key.damaged')
  assert.is(await readCode(text.padEnd(5000)), 'key.damaged')
  assert.is(await readCode(text.replace('0101', '0201')), 'key.damaged', 'the seed is not the named key')
  assert.is(await readCode(text.replace('/1', '/2')), 'key.version')
  assert.is(await readCode(text.replace('node', 'account')), 'key.purpose')
})

test('no message shows the secret', async () => {
  for (const content of [text.replace('0101', '0201'), text.replace('/1', '/2'), text.replace('node', 'account')])
    await readKeyFile(place(content), 'node').catch((error) => assert.not.match(JSON.stringify(error), '010101'))
})

test.run()
