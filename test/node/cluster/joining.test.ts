import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger, systemClock } from '../../../runtime/base/index.ts'
import { initCluster, leaveUntold, loadKeys, openCluster } from '../../../runtime/node/cluster/joining.ts'
import { dataFolder } from '../../../runtime/node/data-folder.ts'
import { codeOf } from '../../support/control.ts'
import { sampleMember } from '../../swarm/charter/sample-cluster.ts'
import { peerOf, sampleKey } from '../../swarm/identity/sample-keys.ts'

async function scratch() {
  const root = await mkdtemp(join(tmpdir(), 'aivida-'))
  return {
    init: { folder: dataFolder(root), clock: systemClock, logger: silentLogger },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}

test('a node that does not run leaves a cluster of its own, and no other: the members would not hear of it', async () => {
  await using disk = await scratch()
  const { init } = disk
  assert.is(await codeOf(leaveUntold(init)), 'cluster.none')
  await initCluster(init, { name: 'lab' })
  await leaveUntold(init)
  assert.is(await codeOf(leaveUntold(init)), 'cluster.none')

  const cluster = await initCluster(init, { name: 'lab' })
  const { node, account } = await loadKeys(init.folder, systemClock)
  await cluster.add(sampleMember(cluster.charter, sampleKey(7), { admittedWallMs: Date.now() }, account))
  const error = await leaveUntold(init).catch((error) => error)
  assert.is(error.code, 'node.not-running')
  assert.match(error.message, 'lab has other members (1)')
  assert.match(error.facts.remedy, `aivida remove ${peerOf(node)}`)
  assert.is((await openCluster(init, await loadKeys(init.folder, systemClock))).roster.size, 2)
})

test.run()
