import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../runtime/base/index.ts'
import { Journals } from '../../../runtime/job/journal/index.ts'
import { sampleKey } from '../../swarm/identity/sample-keys.ts'

const JOB = 'job-0000000000000000'

test('a journal that is being closed is waited for by whoever reads it or takes it over next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-journals-'))
  const journals = new Journals({
    home: (job) => ({ dir: join(folder, job) }),
    clock: systemClock,
    signer: sampleKey(7),
  })
  try {
    await journals.open(JOB)
    const retired = journals.retire(JOB)
    const read = journals.load(JOB)
    assert.is(await read, undefined)
    await retired
    const closing = (await journals.open(JOB)).close()
    const next = await journals.open(JOB)
    await closing
    assert.is(journals.get(JOB), next)
  } finally {
    await journals.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
