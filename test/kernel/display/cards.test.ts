import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleOf } from '../../../kernel/display/bundle.ts'
import { clusterCard, dataCard, jobsCard, peersCard } from '../../../kernel/display/cards.ts'
import { displayable } from '../../../kernel/display/displayable.ts'
import type { DataEntry } from '../../../runtime/node/data-shelf/data-entry.ts'
import type { PeerView } from '../../../runtime/protocol/index.ts'
import { FakeNodeService } from '../../support/fake-node-service.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { MADE_WALL_MS, peer, status } from './sample-jobs.ts'

const test = suite('cards')
const device = {
  ...{ id: 'cpu', provider: 'cpu', model: 'EPYC', slots: 2, memoryBytes: 1, determinismClass: 'x', exact: true },
  ...{ sandboxLevel: 0, kinds: [] },
} as const
const node = (character: string, changes: Partial<PeerView> = {}): PeerView => ({
  ...{ peer: peer(character), name: `node-${character}`, self: false, state: 'alive', carrier: 'quic', address: '' },
  ...{ software: '', role: 'member', silentMs: 1, devices: [device as never], refusals: {} },
  ...changes,
})

test('the cluster: nodes, slots, what its operator should know, and who is where', async () => {
  const info = { ...(await new FakeNodeService(new VirtualClock()).info()), warnings: ['TCP only'] }
  const peers = [
    node('B', { state: 'suspect', refusals: { memory: 2 } }),
    node('A', { self: true, carrier: 'self' }),
    node('C', { carrier: 'none', conduct: { code: 'lease.bad', message: 'm', count: 3, lastWallMs: 1 } }),
  ]
  const { 'text/plain': text, 'text/html': html } = clusterCard(info, peers)
  assert.match(text, /: 2 nodes are here, 4 slots for shards/)
  assert.match(text, /! TCP only\n/)
  assert.match(text, /\nnode-A \(this\) +alive +self +cpu EPYC +2 +- +-\nnode-B +suspect +quic .*memory ×2/)
  assert.match(html!, /class="warn" title="m">lease.bad ×3/)
  assert.is(peersCard([])['text/plain'], 'no node is about')
})

test('jobs with their causes, data with where they are', () => {
  const error = { code: 'disk.full', category: 'platform', message: 'free some', retryable: false, facts: {} } as const
  const jobs = [status(), status({ state: 'failed', error, finishedWallMs: MADE_WALL_MS + 5_000 })]
  const { 'text/plain': text } = jobsCard(jobs, MADE_WALL_MS + 60_000)
  assert.match(text, /running +400 rows \(40.0 %\) +2 +1 min 0 s/)
  assert.match(text, /failed .* 5.0 s .* disk.full: free some/)
  const called = { ...error, code: 'aborted', message: 'called off' } as const
  const { 'text/html': html, 'text/plain': plain } = jobsCard(
    [status({ state: 'cancelled', error: called }), status({ state: 'done', rows: { read: 9, done: 9, total: 9 } })],
    MADE_WALL_MS,
  )
  assert.match(html!, '<td class="warn why" title="">called off</td>')
  assert.match(plain, / done +9 rows {2}/, 'that all of it is done needs no percentage')
  const entries: DataEntry[] = [
    { name: 'a', source: '/a', state: 'here', receivedBytes: 9, sizeBytes: 9_000, path: '/kept/a', addedWallMs: 0 },
    {
      name: 'b',
      source: '/b',
      state: 'arriving',
      receivedBytes: 1_000,
      sizeBytes: 9_000,
      addedWallMs: 0,
      untilWallMs: MADE_WALL_MS + 90_000,
    },
  ]
  const data = dataCard(entries, MADE_WALL_MS)['text/plain']
  assert.match(data, /^a +here +9.0 kB +always +\/a +\/kept\/a$/m)
  assert.match(data, /^b +arriving +1.0 kB of 9.0 kB +1 min 30 s +\/b$/m)
  assert.match(
    jobsCard(
      Array.from({ length: 60 }, () => status()),
      0,
    )['text/plain'],
    /and 10 more$/,
  )
})

test('a list that is shown as a card is a list all the same', async () => {
  const list = displayable([1, 2], () => ({ 'text/plain': 'a card' }))
  assert.equal([...list], [1, 2])
  assert.equal(Object.keys(list), ['0', '1'])
  assert.equal(await bundleOf(list), { 'text/plain': 'a card' })
})

test.run()
