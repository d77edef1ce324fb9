import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../runtime/base/index.ts'
import { loadKeys } from '../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import { openProposal } from '../../runtime/swarm/identity/index.ts'
import { aivida, scratch } from './command-line.ts'

test('an account is made, backed up and restored', async () => {
  using dir = scratch()
  const backup = join(dir.folder, 'backup.txt')
  const secret = join(dir.folder, 'secret')
  writeFileSync(secret, 'correct horse battery\n')
  const account = (await aivida(dir.folder, 'account', 'create')).out.trim()
  assert.match(account, /^ac_/)
  assert.match((await aivida(dir.folder, 'account', 'create')).err, 'error key.exists')
  assert.match(
    (await aivida(dir.folder, 'account', 'backup', backup)).err,
    /error backup\.no-passphrase: [\s\S]*--passphrase-file/,
  )
  assert.is((await aivida(dir.folder, 'account', 'backup', backup, '--passphrase-file', secret)).code, 0)
  const other = join(dir.folder, 'other')
  mkdirSync(other)
  assert.is(statSync(backup).mode & 0o777, 0o600)
  const restored = await aivida(other, 'account', 'restore', backup, '--passphrase-file', secret)
  assert.is(restored.out.trim(), account)
})

test('a node is linked to an account on another machine by two words', async () => {
  using dir = scratch()
  const [person, machine] = [join(dir.folder, 'person'), join(dir.folder, 'machine')]
  const account = (await aivida(person, 'account', 'create')).out.trim()
  const request = (await aivida(machine, 'account', 'link', account)).out.trim()
  const approval = (await aivida(person, 'account', 'approve', request)).out.trim()
  const linked = await aivida(machine, 'account', 'link', approval)
  assert.match(linked.out, `this node belongs to ${account}`)
  assert.match((await aivida(machine, 'account', 'link', request)).err, 'error link.malformed')
})

test('a link goes before an account of its own, whose key stays; an account that is made later goes before the link', async () => {
  using dir = scratch()
  const [person, machine] = [join(dir.folder, 'person'), join(dir.folder, 'machine')]
  const account = (await aivida(person, 'account', 'create')).out.trim()
  const own = (await aivida(machine, 'account', 'create')).out.trim()
  const folder = dataFolder(machine)
  const belongsTo = async () => {
    const { binding } = await loadKeys(folder, systemClock)
    return binding && openProposal(binding.node).account
  }
  assert.is(await belongsTo(), own)
  const link = async (from: string, to: string) => {
    const request = (await aivida(machine, 'account', 'link', to)).out.trim()
    return aivida(machine, 'account', 'link', (await aivida(from, 'account', 'approve', request)).out.trim())
  }
  assert.match((await link(person, account)).err, `its own account ${own} keeps its jobs`)
  assert.is(await belongsTo(), account)
  assert.ok(existsSync(folder.accountKey), 'it may be what a cluster was founded with')
  assert.is((await link(machine, own)).err, '')
  assert.is(await belongsTo(), own)
  await link(person, account)
  rmSync(folder.accountKey)
  const { out, err } = await aivida(machine, 'account', 'create')
  assert.match(err, `this node was linked to ${account}`)
  assert.is(await belongsTo(), out.trim())
})

test.run()
