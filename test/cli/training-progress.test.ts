import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TrainingProgressLines } from '../../runtime/cli/training-progress.ts'
import type { TrainingEvent } from '../../runtime/node/training/index.ts'

const ADA = { peer: '12D3KooWAda00000', name: 'ada' }
const BOB = { peer: '12D3KooWBob00000', name: '' }

function lines(isTerminal: boolean) {
  const written: string[] = []
  let nowMs = 0
  const write = (text: string) => void written.push(text)
  const progress = new TrainingProgressLines({ isTerminal, columns: 200, write, monoMs: () => nowMs }, 1_000)
  return {
    written,
    after(ms: number, event: TrainingEvent) {
      nowMs += ms
      progress.update(event)
      return written.splice(0).join('')
    },
  }
}

function round(number: number, changes: Partial<Extract<TrainingEvent, { type: 'round' }>> = {}): TrainingEvent {
  return {
    type: 'round',
    round: number,
    step: 100 * (number + 1),
    members: [ADA, BOB].map((peer) => ({ ...peer, batches: 50, computeMs: 900, late: 0 })),
    excluded: [],
    metrics: { loss: 0.5 },
    durationMs: 1_000,
    rowsPerSecond: 3_200,
    bytes: { up: 2_048, down: 1_024 },
    ...changes,
  }
}

test('one worker: a line for its steps, and one that stays for a checkpoint', () => {
  const { after } = lines(true)
  const steps = { type: 'steps', worker: ADA.peer, metrics: { loss: 0.25 }, rowsPerSecond: 1_000 } as const
  assert.match(after(0, { ...steps, step: 100 }), /\[##-+\] step 100\/1,000, loss 0\.2500, 1,000 rows\/s$/)
  assert.match(after(1_000, { ...steps, step: 200 }), /step 200\/1,000, .*, 8\.0 s left$/)
  const state = { blob: 'ab'.repeat(32), sizeBytes: 1 }
  assert.is(
    after(0, { type: 'checkpoint', step: 200, state, validation: { loss: 0.125 } }),
    '\r\x1b[2Kcheckpoint at step 200, validation loss 0.1250\n',
  )
})

test('who is waited for is told at once, with why devices refuse, and once', () => {
  const { after } = lines(false)
  const waits = 'waits for 4 workers, 2 are here'
  assert.is(
    after(0, { type: 'members', members: [], refusals: { memory: 1 }, waits }),
    `${waits}; refused by memory x1\n`,
  )
  assert.is(after(5, { type: 'members', members: [], refusals: { memory: 1 }, waits }), '')
  assert.is(after(5, { type: 'members', members: [BOB, ADA], refusals: {} }), 'trained by Bob00000, ada\n')
  assert.is(after(5, { type: 'members', members: [], refusals: {} }), '', 'between two rounds')
  assert.is(
    after(5, { type: 'members', members: [ADA], refusals: {}, sync: 'every 4 steps' }),
    'every 4 steps\ntrained by ada\n',
  )
})

test('a round says what it came to; who did not count is told however often rounds are', () => {
  const { after } = lines(false)
  assert.is(
    after(0, round(0)),
    'step 100/1,000, round 0, loss 0.5000, 3,200 rows/s, 2 members, 2.0 KiB up, 1.0 KiB down each\n',
  )
  assert.is(after(1_000, round(1)), '')
  const excluded = [{ ...BOB, code: 'round.deadline', message: 'not done after 2.0 s' }]
  assert.is(
    after(1_000, round(2, { excluded })),
    'round 2 goes without Bob00000: round.deadline: not done after 2.0 s\n',
  )
  assert.match(after(8_000, round(3)), /^step 400\/1,000, round 3, .*, 20\.0 s left\n$/)
  assert.match(after(1_000, round(9)), /^step 1,000\/1,000, round 9, /)
})

test('within a long round the steps of all members are shown together', () => {
  const { after } = lines(true)
  after(0, round(0))
  const steps = { type: 'steps', step: 7, metrics: { loss: 0.25 }, rowsPerSecond: 1_000 } as const
  after(1, { ...steps, worker: ADA.peer })
  assert.match(
    after(1, { ...steps, worker: BOB.peer }),
    /step 100\/1,000, round 1, loss 0\.2500, 2,000 rows\/s, 2 at work$/,
  )
})

test.run()
