import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeProgress, JobProgress, progressBar } from '../../runtime/cli/progress.ts'
import { jobStatus } from '../support/fake-node-service.ts'

const at = (done: number, total?: number) => jobStatus({ rows: { read: done, done, ...(total && { total }) } })

function target(isTerminal: boolean, columns = 200) {
  const written: string[] = []
  let nowMs = 0
  const progress = new JobProgress({ isTerminal, columns, write: (text) => written.push(text), monoMs: () => nowMs })
  return {
    progress,
    written,
    wait: (ms: number) => {
      nowMs += ms
    },
  }
}

test('on a terminal one line is drawn over', () => {
  const { progress, written, wait } = target(true)
  wait(1_000)
  progress.update(at(75, 300))
  progress.update(at(150, 300))
  progress.end()
  assert.equal(written, [
    '\r\x1b[2K[######------------------] 75/300 rows, 75.0 rows/s, 0 workers, 3.0 s left',
    '\r\x1b[2K[############------------] 150/300 rows, 150.0 rows/s, 0 workers, 1.0 s left',
    '\n',
  ])
})

test('a narrow terminal cuts the line, so that it never wraps', () => {
  const { progress, written } = target(true, 40)
  progress.update(at(75, 300))
  assert.is(written[0]!.length, '\r\x1b[2K'.length + 39)
})

test('a pipe gets a line for each tenth, none in between, and a sign of life', () => {
  const { progress, written, wait } = target(false)
  wait(1_000)
  for (let done = 0; done <= 1_000; done++) progress.update(at(done, 1_000))
  assert.is(written.length, 11)
  assert.is(written[1], 'job-0000000000000000 running: 100/1,000 rows, 100.0 rows/s, 0 workers, 9.0 s left\n')
  assert.not.match(written.join(''), '\x1b')
  wait(9_000)
  progress.update(at(1_000, 1_000))
  assert.is(written.length, 11)
  wait(1_000)
  progress.update(at(1_000, 1_000))
  assert.is(written.length, 12)
  progress.end()
  assert.is(written.length, 12)
})

test('a bar knows full, empty and unknown', () => {
  assert.is(progressBar(undefined), `[${'.'.repeat(24)}]`)
  assert.is(progressBar(0), `[${'-'.repeat(24)}]`)
  assert.is(progressBar(7), `[${'#'.repeat(24)}]`)
})

test('a job that nobody takes says why', () => {
  const stuck = { ...at(0), refusals: { memory: 2, busy: 1 } }
  assert.is(describeProgress(stuck, 0), '0 rows, 0 workers, no device takes its shards: memory x2, busy x1')
  const alone = { ...at(0), shards: { ...at(0).shards, waiting: 3 } }
  assert.match(describeProgress(alone, 0), /waiting for a device/)
})

test.run()
