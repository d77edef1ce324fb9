// timeout: 120 s
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger, systemClock } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LocalNode } from '../../runtime/local-cluster/local-node.ts'
import { dataFolder, makeDataFolder } from '../../runtime/node/data-folder.ts'
import { joinCluster } from '../../runtime/node/membership.ts'
import { accountIdOf } from '../../runtime/protocol/index.ts'
import {
  bindingProofCodec,
  completeBinding,
  loadOrCreateKey,
  proposeBinding,
  readKeyFile,
} from '../../runtime/swarm/identity/index.ts'
import { codeOf } from '../log/scratch.ts'
import { disturbedJob } from '../support/disturbed-job.ts'
import { slowJob } from '../support/slow-rows.ts'

const ROWS = 160
const test = suite('a job whose submitter is killed')
const folder = await mkdtemp(join(tmpdir(), 'aivida-adoption-'))
// The undisturbed run has a cluster of its own: workers remember results, and would give them instead of computing.
const [cluster, quiet] = await Promise.all([
  LocalCluster.start({ workers: 2 }),
  LocalCluster.start({ workers: 0, slots: 2 }),
])
const files = { ...(await slowJob(folder, { rows: ROWS, layers: 600 })), rows: ROWS }
const started: LocalNode[] = []

/** Another node of the submitter's account, as `aivida account link` and `aivida join` make it. */
async function startHeir(): Promise<LocalNode> {
  const dataDir = join(cluster.dir, 'heir')
  const own = dataFolder(dataDir)
  await makeDataFolder(own)
  const account = await readKeyFile(dataFolder(cluster.submitter.dataDir).accountKey, 'account')
  const node = await loadOrCreateKey(own.nodeKey, 'node')
  const proposal = proposeBinding(accountIdOf(account.publicKey), { issuedWallMs: Date.now() }, node)
  await writeFile(own.binding, bindingProofCodec.encode(completeBinding(proposal, account)), { mode: 0o600 })
  const { ticket } = await cluster.client.invite({ uses: 1, expiresMs: 600_000, role: 'member' })
  await joinCluster({ folder: own, clock: systemClock, logger: silentLogger }, ticket)
  const heir = await LocalNode.start({ name: 'heir', dataDir, role: 'submitter', slots: 1 })
  started.push(heir)
  return heir
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 40_000; !(await holds()); await delay(50))
    assert.ok(performance.now() < end, `${what} did not come about`)
}

test('another node of the account adopts it and gives the same bytes', async () => {
  const expected = await disturbedJob(quiet, { ...files, outputDir: join(folder, 'undisturbed') })
  const heir = await startHeir()
  const { model, input } = files
  const { id } = await cluster.client.infer({ model, input, outputDir: join(folder, 'first'), rowsPerShard: 4 })
  await until('a third of the job in the copy', async () => {
    const copy = (await heir.client.followed()).find(({ job }) => job === id)
    return copy !== undefined && copy.rows >= ROWS / 3
  })
  assert.is(await codeOf(heir.client.adopt(id)), 'adopt.coordinator-alive')
  await cluster.submitter.kill('SIGKILL')
  await until('the silence of the submitter', async () => {
    const copy = (await heir.client.followed()).find(({ job }) => job === id)
    return copy?.coordinator?.state !== 'alive'
  })
  const job = await heir.client.adopt(id, { outputDir: join(folder, 'adopted') })
  const { rows, adoption, epoch } = await job.done()
  assert.is(rows.done, ROWS)
  assert.ok(epoch > 1 << 19)
  assert.equal(
    (await job.parts()).map(({ sha256 }) => sha256),
    expected.hashes,
    'the bytes of every part',
  )
  assert.ok(adoption)
})

test.after(async () => {
  await Promise.all(started.map((node) => node.stop()))
  await Promise.all([cluster.stop(), quiet.stop()])
  await rm(folder, { recursive: true, force: true })
})
test.run()
