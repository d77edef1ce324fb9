import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FollowedJournal } from '../../../runtime/job/following/followed-journal.ts'
import { JobJournal } from '../../../runtime/job/journal/index.ts'
import { memoryLogHome, memoryLogStore } from '../../../runtime/log/index.ts'
import { adoptionCodec, peerIdOf, signDocument } from '../../../runtime/protocol/index.ts'
import { jobSpec, withJobs } from '../../support/virtual-jobs.ts'
import { VirtualSwarm } from '../../support/virtual-swarm.ts'

test('a copy of a journal that was adopted tells what counts since then', async () => {
  const swarm = new VirtualSwarm()
  const node = await withJobs(swarm, await swarm.node('submitter'))
  const { clock } = swarm
  const spec = await jobSpec(node, { rows: 4, rowsPerShard: 2 })
  const { job, account } = spec
  const from = peerIdOf(node.key.publicKey)
  const part = (index: number) => {
    const [file, sha256] = [`part-${index}`, '0'.repeat(64)]
    return { type: 'part' as const, part: { index, firstRow: 2 * index, rows: 2, shard: sha256, file, sha256 } }
  }
  const terms = { job, account, node: from, from, epoch: 1, seq: 3, hash: '0'.repeat(64), atWallMs: 0 }
  const journal = await JobJournal.open(memoryLogStore(memoryLogHome()), job, { clock, signer: node.key })
  await journal.append({ type: 'created', spec })
  await journal.append(part(0), part(1))
  await journal.append({
    type: 'adopted',
    adoption: signDocument(adoptionCodec, terms, node.key),
    outputDir: '/adopted',
    input: { path: 'elsewhere' },
  })
  await journal.append(part(1))
  const copy = await FollowedJournal.open(memoryLogStore(memoryLogHome()), job, from)
  await copy!.take(await Array.fromAsync(journal.log.groups(1)), { job, ...journal.log.head })
  const { parts, rows, spec: known } = copy!.view
  const { parts: loaded, spec: there } = (await journal.load())!
  assert.equal([parts, rows], [loaded.length, 2])
  assert.equal(known, there)
  assert.equal([there.outputDir, 'input' in there.request && there.request.input], ['/adopted', { path: 'elsewhere' }])
})

test.run()
