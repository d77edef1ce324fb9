import { isDeepStrictEqual } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AividaError } from '../../../runtime/base/index.ts'
import { type Signed, signDocument, signedDigest } from '../../../runtime/protocol/signed.ts'
import {
  amendCharter,
  type Change,
  type Charter,
  charterState,
  foundCharter,
  genesisCodec,
  mayAdmit,
  mergeUpdates,
  openCharter,
  type Update,
  updateCodec,
} from '../../../runtime/swarm/charter/index.ts'
import { accountOf, codeOf, peerOf, sampleKey } from '../identity/sample-keys.ts'
import { admin, alice, deputy, genesis, NOW, outsider, sampleCharter, seed } from './sample-cluster.ts'

const founded = sampleCharter()
const removeAlice: Change = { type: 'remove-member', member: peerOf(alice) }
const readmitAlice: Change = { type: 'readmit-member', member: peerOf(alice) }
const addDeputy: Change = { type: 'add-admin', admin: accountOf(deputy) }

/** An update that `amendCharter` would refuse to make. */
function rawUpdate(charter: Charter, init: Partial<Update>, signer = admin): Signed {
  const { cluster, version, head } = charter.state
  const update = { cluster, version: version + 1, previous: head, atWallMs: NOW, change: removeAlice, ...init }
  return signDocument(updateCodec, update, signer)
}
const replayCode = (charter: Charter, ...more: Signed[]) =>
  codeOf(() => charterState(charter.genesis, [...charter.updates, ...more]))

test('a cluster is named by the hash of its signed genesis', () => {
  assert.is(founded.state.cluster, signedDigest(founded.genesis))
  assert.is(founded.state.head, founded.state.cluster)
  assert.is(founded.state.version, 0)
  assert.is.not(foundCharter({ ...genesis, name: 'other' }, admin).state.cluster, founded.state.cluster)
})

test('a genesis must be signed by one of its admins, unaltered', async () => {
  assert.is(await codeOf(() => foundCharter(genesis, outsider)), 'charter.genesis')
  const forged = { ...founded.genesis, body: genesisCodec.encode({ ...genesis, admins: [accountOf(outsider)] }) }
  assert.is(await codeOf(() => charterState(forged)), 'signature.invalid')
  assert.is(await codeOf(() => charterState(rawUpdate(founded, {}))), 'signature.kind')
  assert.is(await codeOf(() => foundCharter({ ...genesis, admins: [] }, admin)), 'encoding.malformed')
})

test('changes add up, each signed by an admin of its time', () => {
  const before = sampleCharter([addDeputy])
  const { state } = amendCharter(
    amendCharter(before, { type: 'admission', admission: 'open' }, deputy, NOW),
    removeAlice,
    admin,
    NOW,
  )
  assert.equal([...state.admins], [accountOf(admin), accountOf(deputy)])
  assert.is(state.admission, 'open')
  assert.ok(state.removed.has(peerOf(alice)))
  assert.is(state.version, 3)
  assert.equal([...before.state.removed], [], 'the state before stays as it was')
})

test('terms replace field by field, and money stays exact', () => {
  const ledger = { host: peerOf(seed), epoch: 1 }
  const prices = { small: 5n, huge: 2n ** 60n }
  const { genesis: first, updates } = sampleCharter([
    { type: 'terms', terms: { ledger, prices: { small: 1n } } },
    { type: 'terms', terms: { prices, tiers: ['small', 'huge'], rails: ['solana:mainnet'] } },
  ])
  const expected = { ledger, prices, tiers: ['small', 'huge'], rails: ['solana:mainnet'] }
  assert.equal(charterState(first, updates).terms, expected)
})

test('a removed member can be readmitted', () => {
  assert.equal([...sampleCharter([removeAlice, readmitAlice]).state.removed], [])
})

test('only admins of that moment change a charter', async () => {
  for (const signer of [outsider, deputy, seed])
    assert.is(await codeOf(() => amendCharter(founded, removeAlice, signer, NOW)), 'charter.not-admin')
  assert.is(await replayCode(founded, rawUpdate(founded, {}, outsider)), 'charter.not-admin')
  const dismissed = sampleCharter([addDeputy, { type: 'remove-admin', admin: accountOf(deputy), signedBefore: 'keep' }])
  assert.is(await codeOf(() => amendCharter(dismissed, removeAlice, deputy, NOW)), 'charter.not-admin')
})

test('the last admin stays', async () => {
  const last: Change = { type: 'remove-admin', admin: accountOf(admin), signedBefore: 'keep' }
  assert.is(await codeOf(() => amendCharter(founded, last, admin, NOW)), 'charter.last-admin')
  assert.is(await replayCode(founded, rawUpdate(founded, { change: last })), 'charter.last-admin')
  assert.equal([...amendCharter(sampleCharter([addDeputy]), last, admin, NOW).state.admins], [accountOf(deputy)])
})

test('replayed, reordered, left out and foreign updates are refused', async () => {
  const { genesis: first, updates } = sampleCharter([removeAlice, readmitAlice, addDeputy])
  const [a, b, c] = updates as [Signed, Signed, Signed]
  const code = (...list: Signed[]) => codeOf(() => charterState(first, list))
  assert.is(await code(a, b, c), undefined)
  assert.is(await code(a, a), 'charter.order')
  assert.is(await code(b, a), 'charter.order')
  assert.is(await code(a, c), 'charter.order')
  assert.is(await code(a, b, c, a), 'charter.order', 'a removal cannot be played back after the readmission')
  const other = foundCharter({ ...genesis, name: 'other' }, admin)
  assert.is(await replayCode(other, a), 'charter.other-cluster')
  assert.is(await replayCode(founded, rawUpdate(founded, { previous: 'f'.repeat(64) })), 'charter.order')
  assert.is(await replayCode(founded, rawUpdate(founded, { version: 2 })), 'charter.order')
})

test('an altered or forged update is refused', async () => {
  const update = rawUpdate(founded, {})
  assert.is(
    await replayCode(founded, { ...update, body: update.body.with(30, update.body[30]! ^ 1) }),
    'signature.invalid',
  )
  assert.is(await replayCode(founded, { ...update, by: outsider.publicKey }), 'signature.invalid')
  const weak = { ...update, by: new Uint8Array(32).with(0, 1), sig: new Uint8Array(64).with(0, 1) }
  assert.is(await replayCode(founded, weak), 'signature.invalid')
})

test('a charter names a bounded number of keys', async () => {
  const changes = Array.from(
    { length: 63 },
    (_, i): Change => ({ type: 'add-admin', admin: accountOf(sampleKey(100 + i)) }),
  )
  const full = sampleCharter(changes)
  assert.is(await codeOf(() => amendCharter(full, addDeputy, admin, NOW)), 'charter.full')
  assert.is(await codeOf(() => amendCharter(full, changes[0]!, admin, NOW)), undefined, 'one that is in already')
})

test('who may admit: admins, delegates, and the retired for what they dated before', () => {
  const delegate = peerOf(seed)
  const may = (charter: Charter, key = seed, at = NOW) => mayAdmit(charter.state, key.publicKey, at)
  assert.ok(may(founded) && may(founded, admin))
  assert.not.ok(may(founded, outsider) || may(founded, deputy) || may(founded, alice))
  assert.ok(
    may(sampleCharter([{ type: 'add-delegate', delegate: accountOf(deputy) }]), deputy),
    'an account may be one',
  )
  const kept = sampleCharter([{ type: 'remove-delegate', delegate, signedBefore: 'keep' }])
  assert.ok(may(kept, seed, NOW + 999))
  assert.not.ok(may(kept, seed, NOW + 1000))
  const voided = amendCharter(kept, { type: 'remove-delegate', delegate, signedBefore: 'void' }, admin, NOW)
  assert.not.ok(may(voided), 'what was kept can be voided later')
  assert.not.ok(
    may(sampleCharter([{ type: 'remove-member', member: delegate }]), seed, NOW + 1000),
    'who is out lets nobody in',
  )
  assert.ok(may(amendCharter(kept, { type: 'add-delegate', delegate }, admin, NOW), seed, NOW + 5000))
})

test('merging takes what is new from a whole list or from its end', () => {
  const all = sampleCharter([removeAlice, readmitAlice, addDeputy])
  const ours = openCharter(all.genesis, all.updates.slice(0, 1))
  assert.equal(mergeUpdates(ours, all.updates).state, all.state)
  assert.equal(mergeUpdates(ours, all.updates.slice(1)).state, all.state)
  assert.is(mergeUpdates(all, ours.updates), all, 'nothing new')
  assert.is(mergeUpdates(all, []), all)
})

test('merging across a gap is refused', async () => {
  const all = sampleCharter([removeAlice, readmitAlice])
  assert.is(await codeOf(() => mergeUpdates(founded, all.updates.slice(1))), 'charter.gap')
})

test('two updates of one version, both by an admin, are a fork: evidence, and nothing changes', async () => {
  const ours = sampleCharter([removeAlice, readmitAlice])
  const theirs = amendCharter(sampleCharter([removeAlice]), addDeputy, admin, NOW)
  const evidence = { version: 2, ours: signedDigest(ours.updates[1]!), theirs: signedDigest(theirs.updates[1]!) }
  assert.throws(
    () => mergeUpdates(ours, theirs.updates),
    (error: AividaError) => error.code === 'charter.fork' && isDeepStrictEqual(error.facts, evidence),
  )
  const longer = amendCharter(theirs, removeAlice, admin, NOW)
  assert.is(await codeOf(() => mergeUpdates(ours, longer.updates)), 'charter.fork', 'a longer branch wins nothing')
})

test('a dismissed admin cannot cry fork about what came later', async () => {
  const ours = sampleCharter([
    addDeputy,
    { type: 'remove-admin', admin: accountOf(deputy), signedBefore: 'keep' },
    removeAlice,
  ])
  const late = openCharter(ours.genesis, ours.updates.slice(0, 2))
  const forged = rawUpdate(late, { change: readmitAlice }, deputy)
  assert.is(await codeOf(() => mergeUpdates(ours, [forged])), 'charter.not-admin')
})

test('a stranger cannot cry fork', async () => {
  const ours = sampleCharter([removeAlice])
  assert.is(await codeOf(() => mergeUpdates(ours, [rawUpdate(founded, {}, outsider)])), 'charter.not-admin')
  const bent = { ...rawUpdate(founded, {}), by: outsider.publicKey }
  assert.is(await codeOf(() => mergeUpdates(ours, [bent])), 'signature.invalid')
})

test.run()
