import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemRandom } from '../../runtime/base/random.ts'
import { crashRuns } from './crash-run.ts'

test('a writer killed under load has lost nothing it acknowledged', async () => {
  assert.ok((await crashRuns(3, systemRandom)) > 0)
})

test.run()
