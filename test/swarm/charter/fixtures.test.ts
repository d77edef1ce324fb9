/** What was written by format version 1 of every document of identity and charter is still read, and means the same. */
import { chmodSync, cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemDisk } from '../../../runtime/log/index.ts'
import { openDocument } from '../../../runtime/protocol/signed.ts'
import {
  ClusterStore,
  FileTicketLedger,
  openLeave,
  openMembership,
  openTicket,
  updateCodec,
} from '../../../runtime/swarm/charter/index.ts'
import { assertStanding } from '../../../runtime/swarm/charter/membership.ts'
import {
  acceptLink,
  openBinding,
  readKeyFile,
  readLinkRequest,
  restoreAccount,
} from '../../../runtime/swarm/identity/index.ts'
import { accountOf, peerOf, scratchDir } from '../identity/sample-keys.ts'
import { admin, alice, bob, DAY, deputy, NOW, seed } from './sample-cluster.ts'

const dir = scratchDir()
cpSync(fileURLToPath(new URL('../../fixtures/charter/v1', import.meta.url)), dir, { recursive: true })
for (const file of readdirSync(dir)) chmodSync(join(dir, file), 0o600) // a checkout does not keep the mode
const store = new ClusterStore(systemDisk, dir)
const charter = (await store.loadCharter())!
const words = JSON.parse(readFileSync(join(dir, 'words.json'), 'utf8'))
const CLUSTER = '6b042b5ba12d601454e437aef3ba1fb2930c9e16ee5e5af91a3be997ce6b00ea'

test('the charter', () => {
  const { cluster, head, admins, adminsEver, delegates, retired, removed, ...rest } = charter.state
  assert.is(cluster, CLUSTER)
  assert.is(head, 'dbc50271ce30a956127eb3ac03fbab270cc03ed0a7fbada64c468cc82b69e4ae')
  assert.equal([...admins], [accountOf(admin)])
  assert.equal([...adminsEver], [accountOf(admin), accountOf(deputy)])
  assert.equal([...delegates], [peerOf(seed)])
  assert.equal([...retired], [], 'what was kept was voided later')
  assert.equal([...removed], [peerOf(bob)])
  assert.equal(rest, {
    name: 'sample',
    createdWallMs: NOW,
    admission: 'approval',
    terms: {
      ledger: { host: peerOf(seed), epoch: 3 },
      prices: { small: 5n, huge: 2n ** 60n },
      tiers: ['small', 'huge'],
      rails: ['solana:mainnet'],
    },
    version: 9,
  })
  const changes = charter.updates.map((update) => openDocument(updateCodec, update).value.change.type)
  assert.is(new Set(changes).size, 8, 'every kind of change is among them')
})

test('the roster', async () => {
  const { own, memberships, leaves } = (await store.loadRoster())!
  assert.is(openMembership(own).node, peerOf(seed))
  assert.is(memberships.length, 2)
  const { node, account, role, admittedWallMs, expiresWallMs, ticket, ...member } = openMembership(memberships[1]!)
  assert.equal(
    { node, account, role, admittedWallMs, expiresWallMs, ticket },
    {
      node: peerOf(alice),
      account: accountOf(deputy),
      role: 'worker',
      admittedWallMs: NOW,
      expiresWallMs: NOW + DAY,
      ticket: 'sample-nonce-0000',
    },
  )
  assert.is(openBinding(member.binding!, CLUSTER, NOW).expiresWallMs, NOW + DAY)
  assertStanding(charter.state, openMembership(memberships[1]!), NOW)
  assert.is(openLeave(CLUSTER, leaves[0]!).leftWallMs, NOW + 5)
})

test('the requests that wait', async () => {
  const [request] = await store.loadRequests()
  assert.is(openMembership(request!).role, 'submitter')
})

test('a ticket and the uses of tickets', async () => {
  const { by, ...ticket } = openTicket(words.ticket)
  assert.equal(by, seed.publicKey)
  assert.equal(ticket, {
    cluster: CLUSTER,
    name: 'sample',
    seeds: [`/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${peerOf(seed)}`],
    role: 'worker',
    uses: 2,
    issuedWallMs: NOW,
    expiresWallMs: NOW + DAY,
    nonce: 'pew1588ytm4tm05a4mee',
  })
  const ledger = await FileTicketLedger.open(join(dir, 'tickets.jsonl'))
  assert.equal([...ledger.redeemedBy('sample-nonce-0000')], [peerOf(alice)])
  await ledger.close()
})

test('the words of linking', () => {
  assert.is(readLinkRequest(words.linkRequest).account, accountOf(deputy))
  assert.is(openBinding(acceptLink(words.linkApproval, alice), CLUSTER, NOW).node, peerOf(alice))
})

test('key files and a backup', async () => {
  assert.equal((await readKeyFile(join(dir, 'node.key'), 'node')).exportSeed(), alice.exportSeed())
  assert.equal((await readKeyFile(join(dir, 'account.key'), 'account')).exportSeed(), deputy.exportSeed())
  assert.equal((await restoreAccount(words.backup, 'correct horse')).exportSeed(), deputy.exportSeed())
})

test.run()
