import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Disk, systemDisk } from '../../../runtime/log/index.ts'
import { ClusterStore } from '../../../runtime/swarm/charter/index.ts'
import { codeOf, scratchDir } from '../identity/sample-keys.ts'
import { alice, sampleCharter, sampleMember } from './sample-cluster.ts'

const charter = sampleCharter()
const own = sampleMember(charter, alice).document
const fresh = (disk: Disk = systemDisk) => {
  const folder = join(scratchDir(), 'cluster')
  return { folder, store: new ClusterStore(disk, folder) }
}

test('what was saved comes back; nothing, when nothing was', async () => {
  const { folder, store } = fresh()
  assert.is(await store.loadCharter(), undefined)
  assert.is(await store.loadRoster(), undefined)
  assert.equal(await store.loadRequests(), [])
  await Promise.all([
    store.saveCharter(charter),
    store.saveRoster({ own, memberships: [own], leaves: [] }),
    store.saveRequests([own]),
  ])
  assert.equal((await store.loadCharter())?.state, charter.state)
  assert.equal((await store.loadRoster())?.memberships.length, 1)
  assert.equal((await store.loadRequests()).length, 1)
  if (process.getuid)
    for (const name of readdirSync(folder)) assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name)
})

test('the last of several saves stands, and none is seen half', async () => {
  const { folder, store } = fresh()
  const { updates } = sampleCharter([{ type: 'admission', admission: 'open' }])
  await Promise.all([store.saveCharter(charter), store.saveCharter({ genesis: charter.genesis, updates })])
  assert.is((await store.loadCharter())?.state.admission, 'open')
  assert.equal(readdirSync(folder), ['charter.cbor'])
})

test('a damaged or newer file is refused with its path', async () => {
  const { folder, store } = fresh()
  await store.saveCharter(charter)
  const path = join(folder, 'charter.cbor')
  const whole = readFileSync(path)
  for (const bytes of [whole.subarray(0, -5), Buffer.from('rubbish'), Buffer.alloc(0)]) {
    writeFileSync(path, bytes)
    const error = await store.loadCharter().catch((thrown) => thrown)
    assert.is(error.code, 'cluster.damaged')
    assert.match(error.message, path)
  }
})

test('signatures are checked again when a file is read', async () => {
  const { folder, store } = fresh()
  await store.saveCharter(charter)
  const path = join(folder, 'charter.cbor')
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('sample')] = 'S'.charCodeAt(0)
  writeFileSync(path, bytes)
  assert.is(await codeOf(() => store.loadCharter()), 'signature.invalid')
})

test('a full disk is told, and what was there stays', async () => {
  let full = false
  const noSpace = () => Promise.reject(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }))
  const { store } = fresh({
    ...systemDisk,
    open: async (path, mode) => {
      const file = await systemDisk.open(path, mode)
      return full ? { ...file, write: noSpace } : file
    },
  })
  await store.saveCharter(charter)
  full = true
  assert.is(await codeOf(() => store.saveCharter(sampleCharter([], 'open'))), 'cluster.not-saved')
  assert.equal((await store.loadCharter())?.state, charter.state)
  full = false
  await store.saveCharter(sampleCharter([], 'open'))
  assert.is((await store.loadCharter())?.state.admission, 'open')
})

test('a cleared store holds nothing', async () => {
  const { folder, store } = fresh()
  await store.saveCharter(charter)
  await store.clear()
  assert.equal(readdirSync(folder), [])
  await store.clear()
})

test.run()
