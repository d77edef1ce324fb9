import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlobStore } from '../../../runtime/data/blob/index.ts'
import { statesOf } from '../../../runtime/node/record/contents.ts'
import type { TrainingRecord, Verdict } from '../../../runtime/node/record/index.ts'
import { contradictionOf, lackOf, programOf } from '../../../runtime/node/record/record-gaps.ts'
import { replay } from '../../../runtime/node/record/replay.ts'
import { shardId } from '../../../runtime/protocol/index.ts'
import { play } from '../../job/programs/rounds/trouble.ts'
import { codeOf } from '../../swarm/identity/sample-keys.ts'
import { playedAgain, recordOfRun, roundsPlayed } from './played-record.ts'
import { blob, chainPart, digest, peer, trainingRecord } from './sample-record.ts'

type Forgery = readonly [name: string, forge: (record: TrainingRecord) => void]

/** Does a record again where everything that is computed is what is recorded: whether all of it is looked at. */
async function verdictOf(record: TrainingRecord): Promise<Verdict & { readonly compared: readonly string[] }> {
  const { worker, compared, metrics } = playedAgain(record)
  const blobs = { has: () => false } as unknown as BlobStore
  const { signal } = new AbortController()
  const verdict = await replay({ bundle: { record, metrics }, worker, blobs, signal })
  return { ...verdict, compared }
}

/** The record of a chain whose shards are those that its program makes. */
function chain(): TrainingRecord {
  const record = trainingRecord()
  const program = programOf(record)
  let step = program.start()
  const parts = record.parts.map((part) => {
    const shard = shardId(step.shards[0]!)
    const { checkpoint } = part
    const receipt = { worker: '', computeMs: 0 }
    const event = { type: 'accepted', shard, outputs: blob('1'), trained: checkpoint!, receipt } as const
    step = program.step(step.state, event)
    return { ...part, shard }
  })
  return structuredClone({ ...record, parts })
}

const lastPart = ({ parts }: TrainingRecord) => parts.findLast(({ checkpoint }) => checkpoint)!
const lastRound = ({ parts }: TrainingRecord) => parts.findLast(({ round }) => round)!.round!

const OF_ROUNDS: readonly Forgery[] = [
  [
    'another last state, after rounds that there are not',
    (record) => {
      const { checkpoint } = lastPart(record)
      checkpoint!.shared!.round = 63
      checkpoint!.state = blob('f')
    },
  ],
  ['no rounds', (record) => void record.rounds.splice(0)],
  ['the last round not opened', (record) => void record.rounds.pop()],
  [
    'neither rounds nor shared states',
    ({ parts }) => {
      for (const part of parts) {
        delete part.round
        delete part.checkpoint?.shared
      }
    },
  ],
  ['one shared state that is none', (record) => void delete lastPart(record).checkpoint!.shared],
  ['the end cut off', ({ parts }) => void parts.splice(-3)],
  ['the last state cut off', ({ parts }) => void parts.pop()],
  ['a round in between cut out', ({ parts }) => void parts.splice(2, 1)],
  [
    'no validations',
    ({ parts }) => {
      for (const { checkpoint } of parts) delete checkpoint?.validation
    },
  ],
  ['nobody left out, of those who did not count', (record) => void lastRound(record).counted.pop()],
  [
    'a stranger left out',
    (record) => void lastRound(record).excluded.push({ peer: peer('Z'), code: 'x', message: '' }),
  ],
  [
    'one that counted left out',
    (record) => {
      const { counted, excluded } = lastRound(record)
      excluded.push({ peer: counted[0]!.peer, code: 'update.not-finite', message: '' })
    },
  ],
  ['more steps', ({ training }) => void Object.assign(training, { steps: 101 })],
  ['fewer steps', ({ training }) => void Object.assign(training, { steps: 99 })],
  [
    'another weight',
    (record) => {
      lastRound(record).counted[0]!.weight = 100
    },
  ],
  [
    'another aggregate',
    (record) => {
      lastRound(record).aggregates[0]!.update = blob('f')
    },
  ],
  ['no aggregates', (record) => void lastRound(record).aggregates.splice(0)],
  [
    'another name of a state',
    (record) => {
      lastRound(record).lineage = digest('f')
    },
  ],
  ['batches that nobody was asked for', (record) => void lastRound(record).counted[0]!.batches.pop()],
  ['one of those who computed missing', ({ parts }) => void parts[0]!.computedBy!.pop()],
]

const OF_A_CHAIN: readonly Forgery[] = [
  ['the end cut off', ({ parts }) => void parts.pop()],
  ['more steps', ({ training }) => void Object.assign(training, { steps: 301 })],
  ['fewer steps', ({ training }) => void Object.assign(training, { steps: 299 })],
  ['no validation', ({ parts }) => void delete parts[1]!.checkpoint!.validation],
  ['no state', ({ parts }) => void delete parts[2]!.checkpoint],
  [
    'other steps',
    ({ parts }) => {
      parts[2]!.checkpoint!.step = 900
    },
  ],
  [
    'other rows',
    ({ parts }) => {
      parts[1]!.rows = 99
    },
  ],
  ['a part more', ({ parts }) => void parts.push(chainPart(3))],
]

test('a record of rounds that was changed differs, whatever is computed', async () => {
  const honest = roundsPlayed()
  const verdict = await verdictOf(honest)
  assert.is(verdict.verdict, 'identical', JSON.stringify(verdict))
  const { last, best } = statesOf(honest.parts, honest.request)
  for (const state of [last, best])
    assert.ok(verdict.compared.includes(state!.state.blob), 'it is among what is compared')
  const named = roundsPlayed()
  lastRound(named).excluded.push({ peer: lastRound(named).counted[0]!.peer, code: 'round.aggregate', message: '' })
  assert.is((await verdictOf(named)).verdict, 'identical', 'it reduced badly before, and counts')
  const passed: string[] = []
  for (const [name, forge] of OF_ROUNDS) {
    const record = structuredClone(honest)
    forge(record)
    const { verdict } = await verdictOf(record)
    if (verdict !== 'differs') passed.push(`${name}: ${verdict}`)
  }
  assert.equal(passed, [])
})

test('a record of a chain that was changed contradicts itself', () => {
  assert.is(contradictionOf(chain()), undefined)
  const passed = OF_A_CHAIN.flatMap(([name, forge]) => {
    const record = chain()
    forge(record)
    return contradictionOf(record) ? [] : [name]
  })
  assert.equal(passed, [])
})

test('a record that breaks off, or does not tell who computed, is incomplete and not identical', async () => {
  const broken = roundsPlayed()
  broken.parts.splice(-3)
  broken.state = 'cancelled'
  const verdict = await verdictOf(broken)
  assert.is(verdict.verdict === 'incomplete' && /cancelled/.test(verdict.lacks), true, JSON.stringify(verdict))
  const unsigned = roundsPlayed()
  for (const part of unsigned.parts) delete part.computedBy
  assert.is((await verdictOf(unsigned)).verdict, 'incomplete')
  assert.is(lackOf(chain()), undefined)
  const unmeasured = roundsPlayed()
  delete unmeasured.parts.find(({ checkpoint }) => checkpoint?.validation)!.checkpoint!.validation
  assert.is((await verdictOf(unmeasured)).verdict, 'incomplete')
  const none = roundsPlayed()
  none.state = 'running'
  none.parts.splice(1)
  none.rounds[0]!.members.pop() // it was opened again
  assert.is(await codeOf(() => verdictOf(none)), 'bundle.empty')
})

test('a training that got no better for too long is over, and one that did is not', () => {
  const record = chain()
  const { parts, request } = record
  request.evaluation!.select = { ...request.evaluation!.select, patience: 1 }
  parts.pop()
  assert.ok(contradictionOf(record), 'it got better')
  parts[1]!.checkpoint!.validation = { loss: 9 }
  assert.is(contradictionOf(record), undefined)
})

test('no record of what really happened contradicts itself: members come, go and come late, the submitter dies', () => {
  const wrong: string[] = []
  for (const seed of [
    1296,
    1361,
    1441,
    ...Array.from({ length: Number(process.env.RECORD_SEEDS ?? 12) }, (_, i) => i),
  ]) {
    const record = recordOfRun(play(seed))
    const found = contradictionOf(record)
    if (record.state !== 'done' || found || lackOf(record))
      wrong.push(`seed ${seed}: ${record.state} ${JSON.stringify(found)} ${lackOf(record)}`)
  }
  assert.equal(wrong, [])
})

test.run()
