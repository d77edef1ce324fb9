import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { backupAccount, restoreAccount } from '../../../runtime/swarm/identity/index.ts'
import { codeOf, sampleKey } from './sample-keys.ts'

const cost = { n: 1024, r: 8, p: 1 }
const account = sampleKey(2)
const passphrase = 'correct horse'
const backup = await backupAccount(account, passphrase, { cost, random: seededRandom(1) })

test('the passphrase brings the key back, typed on any keyboard', async () => {
  assert.equal((await restoreAccount(backup, passphrase)).exportSeed(), account.exportSeed())
  const accented = await backupAccount(account, 'caf\u00e9 au lait', { cost })
  assert.equal((await restoreAccount(accented, 'cafe\u0301 au lait')).publicKey, account.publicKey)
})

test('the default cost is a real one', async () => {
  const real = await backupAccount(account, passphrase)
  assert.equal((await restoreAccount(real, passphrase)).publicKey, account.publicKey)
})

test('a wrong passphrase is refused, and neither secret is in the message', async () => {
  const error = await restoreAccount(backup, 'wrong horse!').catch((thrown) => thrown)
  assert.is(error.code, 'backup.passphrase')
  assert.not.match(JSON.stringify([error, error.stack]), /horse|0202/)
})

test('a typo or another text is refused before any stretching', async () => {
  assert.is(await codeOf(() => restoreAccount(backup.replace(/.$/, 'x'), passphrase)), 'backup.malformed')
  assert.is(await codeOf(() => restoreAccount('aivida1x', passphrase)), 'backup.malformed')
})

test('a short passphrase is refused', async () => {
  assert.is(await codeOf(() => backupAccount(account, 'horse', { cost })), 'backup.passphrase-short')
})

test('two backups of one key share nothing that tells', async () => {
  assert.is.not(await backupAccount(account, passphrase, { cost }), await backupAccount(account, passphrase, { cost }))
})

test.run()
