// timeout: 180 s
// mostly waits
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger, systemClock } from '../../runtime/base/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { LocalNode } from '../../runtime/local-cluster/local-node.ts'
import { joinCluster } from '../../runtime/node/cluster/joining.ts'
import { dataFolder, makeDataFolder } from '../../runtime/node/data-folder.ts'
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

/** Asks again and again; resolves with the first answer that is one. */
async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = performance.now() + 40_000; ; await delay(50)) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    assert.ok(performance.now() < end, `${what} did not come about`)
  }
}

/**
 * Stops the workers once so many rows are done, so that the job is not over before its copy shows them, whatever the
 * speed of this machine. Resolves with how many are done.
 */
async function hold({ client }: LocalNode, id: string, rows: number): Promise<number> {
  const done = await until(`${rows} rows`, async () => {
    const status = await client.job(id).status()
    assert.is(status.state, 'running')
    return status.rows.done >= rows && status.rows.done
  })
  await Promise.all(cluster.workers.map((worker) => worker.kill('SIGSTOP')))
  return done
}

test('another node of the account adopts it, gives the same bytes, and fences the one that comes back', async () => {
  const expected = await disturbedJob(quiet, { ...files, outputDir: join(folder, 'undisturbed') })
  const heir = await startHeir()
  const { model, input } = files
  const { id } = await cluster.client.infer({ model, input, outputDir: join(folder, 'first'), rowsPerShard: 4 })
  const done = await hold(cluster.submitter, id, ROWS / 4)
  await until('that part of it in the copy', async () => {
    const copy = (await heir.client.followed()).find(({ job }) => job === id)
    return copy !== undefined && copy.rows >= done
  })
  assert.is(await codeOf(heir.client.adopt(id)), 'adopt.coordinator-alive')
  await cluster.submitter.kill('SIGKILL')
  await Promise.all(cluster.workers.map((worker) => worker.kill('SIGCONT')))
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
  const { name, dataDir } = cluster.submitter
  const old = await LocalNode.start({ name, dataDir, role: 'submitter', slots: 1 })
  started.push(old)
  await until('the old coordinator is fenced', async () => (await old.client.job(id).status()).state === 'adopted')
  const fenced = await old.client.job(id).status()
  assert.equal(fenced.adoption, adoption)
  assert.is(fenced.adoption?.by, (await heir.client.info()).peer)
  assert.is(fenced.error?.code, 'job.adopted')
  const { length } = await old.client.job(id).parts()
  await delay(500)
  assert.is((await old.client.job(id).parts()).length, length, 'nothing more is written there')
})

test('one that had ended there before the other could hear of it keeps its end, and names who adopted it', async () => {
  const [heir, old] = started as [LocalNode, LocalNode]
  const { model, input } = files
  const { id } = await old.client.infer({ model, input, outputDir: join(folder, 'ended'), rowsPerShard: 4 })
  await hold(old, id, 1)
  await until('its copy', async () => (await heir.client.followed()).some(({ job, rows }) => job === id && rows > 0))
  await heir.kill('SIGSTOP')
  await Promise.all(cluster.workers.map((worker) => worker.kill('SIGCONT')))
  await old.client.job(id).done()
  const parts = await old.client.job(id).parts()
  await old.kill('SIGKILL')
  await heir.kill('SIGCONT')
  // Stopped, the heir has heard from nobody, and finds what was said meanwhile: the submitter may seem alive once more.
  const job = await until('the silence of the submitter', () =>
    heir.client.adopt(id, { outputDir: join(folder, 'ended-adopted') }).catch((error) => {
      assert.is(error.code, 'adopt.coordinator-alive')
      return undefined
    }),
  )
  const { rows, adoption } = await job.done()
  assert.is(rows.done, ROWS)
  await old.restart()
  await until('the word of its adoption', async () => (await old.client.job(id).status()).adoption)
  const status = await old.client.job(id).status()
  assert.equal([status.state, status.adoption], ['done', adoption])
  assert.equal(await old.client.job(id).parts(), parts)
})

test.after(async () => {
  await Promise.all(started.map((node) => node.stop()))
  await Promise.all([cluster.stop(), quiet.stop()])
  await rm(folder, { recursive: true, force: true })
})
test.run()
