import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import { signDocument, signedCodec } from '../../../runtime/protocol/signed.ts'
import {
  assertNotExpired,
  assertRedeemable,
  issueTicket,
  openTicket,
  ticketCodec,
} from '../../../runtime/swarm/charter/index.ts'
import { textForm } from '../../../runtime/swarm/identity/index.ts'
import { codeOf, peerOf } from '../identity/sample-keys.ts'
import { admin, alice, DAY, NOW, outsider, sampleCharter, sampleTicket, seed } from './sample-cluster.ts'

const charter = sampleCharter()
const ticket = sampleTicket(charter)
const redeemCode = (text: string, used = 0, nowWallMs = NOW, of = charter) =>
  codeOf(() => assertRedeemable(of.state, openTicket(text), used, nowWallMs))

test('a ticket says where to knock, what for and until when', () => {
  const { name, role, uses, expiresWallMs, seeds, cluster } = openTicket(ticket)
  assert.equal(
    { name, role, uses, expiresWallMs },
    { name: 'sample', role: 'worker', uses: 2, expiresWallMs: NOW + DAY },
  )
  assert.is(cluster, charter.state.cluster)
  assert.equal(seeds, [`/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${peerOf(seed)}`])
  assert.match(ticket, /^aivida1[1-9A-HJ-NP-Za-km-z]+$/)
  assert.ok(ticket.length < 800, `${ticket.length} characters`)
})

test('the largest ticket still fits a line of a terminal', () => {
  const seeds = Array.from({ length: 8 }, () => 'x'.repeat(256))
  const init = { seeds, role: 'submitter' as const, uses: 1e6, issuedWallMs: NOW, expiresWallMs: NOW + DAY }
  const text = issueTicket({ ...charter.state, name: 'x'.repeat(64) }, init, seed)
  assert.equal(openTicket(text).seeds, seeds)
})

test('a typo is told from everything else', async () => {
  for (const bad of [`${ticket}x`, ticket.slice(0, -1), ticket.slice(7), ticket.toLowerCase(), 'aivida1', ''])
    assert.is(await codeOf(() => openTicket(bad)), 'ticket.malformed')
})

test('a forged ticket does not open', async () => {
  const form = textForm({ prefix: 'aivida1', what: 'a ticket', code: 'ticket.malformed' })
  const signed = signedCodec.decode(form.decode(ticket))
  const bent = { ...ticketCodec.decode(signed.body), uses: 1000 }
  const forge = (changes: object) => form.encode(signedCodec.encode({ ...signed, ...changes }))
  assert.is(await codeOf(() => openTicket(forge({ body: ticketCodec.encode(bent) }))), 'signature.invalid')
  assert.is(
    await redeemCode(form.encode(signedCodec.encode(signDocument(ticketCodec, bent, outsider)))),
    'ticket.issuer',
  )
  assert.is(await codeOf(() => openTicket(forge({ kind: 'ticket/2' }))), 'encoding.version')
})

test('admins and delegates invite, others do not', async () => {
  assert.is(await redeemCode(sampleTicket(charter, {}, admin)), undefined)
  for (const signer of [outsider, alice])
    assert.is(await codeOf(() => sampleTicket(charter, {}, signer)), 'ticket.issuer')
  const dismissed = sampleCharter([{ type: 'remove-delegate', delegate: peerOf(seed), signedBefore: 'void' }])
  assert.is(await redeemCode(ticket, 0, NOW, dismissed), 'ticket.issuer')
})

test('a ticket that could never be used is not issued', async () => {
  for (const bad of [
    { uses: 0 },
    { uses: 1.5 },
    { seeds: [] },
    { seeds: Array(9).fill('x') },
    { expiresWallMs: Number.NaN },
  ])
    assert.is(await codeOf(() => sampleTicket(charter, bad)), 'ticket.terms', JSON.stringify(bad))
})

test('a ticket ends by time and by use', async () => {
  assert.is(await redeemCode(ticket, 1, NOW + DAY + limit('clockSkewMs') - 1), undefined)
  assert.is(await redeemCode(ticket, 0, NOW + DAY + limit('clockSkewMs')), 'ticket.expired')
  assert.is(await redeemCode(ticket, 2), 'ticket.used-up')
  assert.is(
    await codeOf(() => assertNotExpired(openTicket(ticket), NOW + DAY + limit('clockSkewMs'))),
    'ticket.expired',
  )
})

test('a ticket of another cluster is refused', async () => {
  assert.is(await redeemCode(ticket, 0, NOW, sampleCharter([], 'open')), 'ticket.other-cluster')
})

test('no two tickets are one', () => {
  const nonce = (seedNumber?: number) => {
    const init = { seeds: ['x'], role: 'member' as const, uses: 1, issuedWallMs: NOW, expiresWallMs: NOW + DAY }
    const random = seedNumber === undefined ? undefined : seededRandom(seedNumber)
    return openTicket(issueTicket(charter.state, init, seed, random)).nonce
  }
  assert.is(nonce(1), nonce(1))
  assert.is.not(nonce(), nonce())
})

test('refusals say what to do, and never repeat the ticket', async () => {
  const error = await Promise.resolve()
    .then(() => assertRedeemable(charter.state, openTicket(ticket), 2, NOW))
    .catch((thrown) => thrown)
  assert.match(error.message, /ask for another/)
  assert.not.match(JSON.stringify(error), openTicket(ticket).nonce)
})

test.run()
