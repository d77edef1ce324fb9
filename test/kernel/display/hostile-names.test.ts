import { tableFromArrays } from 'apache-arrow'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleOf } from '../../../kernel/display/bundle.ts'
import { beginJobView, foldNews, jobBundle } from '../../../kernel/display/job-view/index.ts'
import type { MimeBundle } from '../../../kernel/display/mime-bundle.ts'
import { at, checkpointPart, MADE_WALL_MS, peer, roundPart, share, status } from './sample-jobs.ts'

const test = suite('text of peers and data')
/** What could be more than text, in HTML, in attributes, in SVG and on terminals. */
const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)></svg></style></td>&lt;\u001b[31mred\u001b]0;title\u0007\u202eevil\u2066\u0000\u009b31m`
const WORDS = /<script|<img src=x|<svg onload|onerror=alert\(1\)>|[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u

const isHarmless = (bundle: MimeBundle) => {
  assert.match(bundle['text/plain'], 'alert(1)', 'it is there, as text')
  assert.not.match(bundle['text/plain'], /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u)
  if (bundle['text/html'] === undefined) return
  assert.match(bundle['text/html'], '&lt;script&gt;')
  assert.not.match(bundle['text/html'], WORDS)
}

test('names, reasons and messages of a job', () => {
  const job = status().job
  const view = beginJobView()
  const facts = { trials: [{ [HOSTILE]: HOSTILE }], metric: HOSTILE, goal: 'min' } as const
  foldNews(view, { type: 'submitting', program: 'sweep', name: HOSTILE })
  isHarmless(jobBundle(view, MADE_WALL_MS))
  foldNews(view, { type: 'submitted', job, alone: true, peers: [], sweep: facts })
  const error = { code: HOSTILE, category: 'peer', message: HOSTILE, retryable: false, facts: {} } as const
  const rounds = { closed: 1, members: [], waits: HOSTILE, sync: HOSTILE }
  const sweep = { waiting: 0, running: 0, paused: 0, done: 1, failed: 0, rungs: [] }
  const excluding = roundPart(1, ['A'], ['B'])
  for (const event of [
    at(1, { type: 'job', status: status({ name: HOSTILE, workers: [share('A', { name: HOSTILE })], rounds, sweep }) }),
    at(2, { type: 'training', job, worker: peer('A'), step: 1, metrics: { [HOSTILE]: 1 }, rowsPerSecond: 1 }),
    at(3, { type: 'shard', job, shard: 'ab'.repeat(32), phase: 'poison', worker: peer('A'), reason: HOSTILE }),
    at(4, { type: 'part', job, part: checkpointPart(100, { [HOSTILE]: 2 }, 0) }),
    at(5, { type: 'part', job, part: checkpointPart(200, { [HOSTILE]: 2 }) }),
    at(5, { type: 'part', job, part: excluding }),
  ])
    foldNews(view, event)
  isHarmless(jobBundle(view, MADE_WALL_MS + 10))
  const failed = status({ state: 'failed', error, name: HOSTILE, outputDir: HOSTILE })
  foldNews(view, at(6, { type: 'job', status: failed }))
  isHarmless(jobBundle(view, MADE_WALL_MS + 10))
})

test('columns and cells of tables, fields and values of objects, errors', async () => {
  isHarmless(await bundleOf(tableFromArrays({ [HOSTILE]: [HOSTILE] })))
  isHarmless(await bundleOf({ [HOSTILE]: HOSTILE, list: [HOSTILE] }))
  isHarmless(await bundleOf(new Error(HOSTILE)))
  isHarmless(
    await bundleOf(
      Object.assign(
        () => {},
        { x: 1 },
        Object.defineProperty(() => {}, 'name', { value: HOSTILE }),
      ) && Symbol(HOSTILE),
    ),
  )
})

test.run()
