import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import { JobArchive } from '../../../runtime/node/jobs/job-archive.ts'
import { jobStatus } from '../../support/fake-node-service.ts'
import { memoryDisk } from '../../support/memory-disk.ts'

test('after a start the newest jobs are listed, and any other can be looked up', async () => {
  const disk = memoryDisk()
  const most = 4 * limit('jobsPerNode')
  const before = new JobArchive('/jobs', disk)
  const job = (i: number) => `job-${String((i * 7_919) % 10_007).padStart(16, '0')}` // in no order, as job ids are
  for (let i = 0; i < most + 50; i++) await before.keep(jobStatus({ job: job(i), state: 'done', createdWallMs: i }), [])
  const archive = new JobArchive('/jobs', disk)
  for (let i = most + 49; i >= 0; i--) await archive.load(job(i))
  assert.is(archive.statuses().length, most)
  assert.is(Math.min(...archive.statuses().map(({ createdWallMs }) => createdWallMs)), 50)
  assert.is((await archive.load(job(0)))?.status.job, job(0))
  assert.is(await archive.load('job-ffffffffffffffff'), undefined)
})

test('of what is kept at once, the last stays', async () => {
  const disk = memoryDisk()
  const archive = new JobArchive('/jobs', disk)
  const names = ['first', 'second', 'third']
  await Promise.all(names.map((name) => archive.keep(jobStatus({ state: 'done', name }), [])))
  const { job } = jobStatus()
  assert.is((await new JobArchive('/jobs', disk).load(job))?.status.name, 'third')
})

test.run()
