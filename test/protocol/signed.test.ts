import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { type Codec, canonicalBytes, codec } from '../../runtime/base/index.ts'
import {
  accountIdOf,
  accountKeyOf,
  assertHonestKey,
  openDocument,
  peerIdOf,
  publicKeyOf,
  type Signed,
  signDocument,
  signedCodec,
  signedDigest,
  signedSchema,
} from '../../runtime/protocol/signed.ts'
import { codeOf, sampleKey } from '../swarm/identity/sample-keys.ts'

const noteCodec = codec({ name: 'note', schema: z.object({ text: z.string() }) })
const key = sampleKey(1)
const signed = signDocument(noteCodec, { text: 'hello' }, key)
const openCode = (changes: Partial<Signed>, as: Codec<unknown> = noteCodec) =>
  codeOf(() => openDocument(as, { ...signed, ...changes }))
const flipped = (bytes: Uint8Array, at = bytes.length - 1) => bytes.with(at, bytes[at]! ^ 1)

test('a document opens to what was signed, and says by whom', () => {
  const { value, by } = openDocument(noteCodec, signedCodec.decode(signedCodec.encode(signed)))
  assert.equal(value, { text: 'hello' })
  assert.equal(by, key.publicKey)
})

test('a reader passes on the exact bytes, even with fields it does not know', () => {
  const wider = codec({ name: 'note', schema: z.object({ text: z.string(), colour: z.string() }) })
  const newer = signDocument(wider, { text: 'hello', colour: 'red' }, key)
  assert.equal(openDocument(noteCodec, newer).value, { text: 'hello' })
  const passedOn = signedCodec.decode(signedCodec.encode(newer))
  assert.is(signedDigest(passedOn), signedDigest(newer))
  assert.equal(openDocument(wider, passedOn).value, { text: 'hello', colour: 'red' })
})

test('any altered part is refused', async () => {
  assert.is(await openCode({ body: noteCodec.encode({ text: 'other' }) }), 'signature.invalid')
  assert.is(await openCode({ sig: flipped(signed.sig) }), 'signature.invalid')
  assert.is(await openCode({ sig: signed.sig.subarray(1) }), 'signature.invalid')
  assert.is(await openCode({ by: sampleKey(2).publicKey }), 'signature.invalid')
  assert.is(await openCode({ by: key.publicKey.subarray(1) }), 'signature.invalid')
})

test('a signature of one kind or version does not serve as another', async () => {
  const receiptCodec = codec({ name: 'receipt', schema: noteCodec.schema })
  assert.is(await openCode({}, receiptCodec), 'signature.kind')
  assert.is(await openCode({ kind: 'receipt/1' }, receiptCodec), 'signature.invalid')
  assert.is(await openCode({ kind: 'note/2' }), 'encoding.version')
  const second = codec({ name: 'note', version: 2, schema: noteCodec.schema, upgrades: { 1: (old) => old } })
  assert.is(await openCode({ kind: 'note/2' }, second), 'signature.invalid')
  const newer = signDocument(second, { text: 'hello' }, key)
  assert.is(await codeOf(() => openDocument(noteCodec, newer)), 'encoding.version')
  assert.is(await codeOf(() => openDocument(noteCodec, { ...newer, kind: 'note/1' })), 'signature.invalid')
  assert.equal(openDocument(second, signed).value, { text: 'hello' }, 'an older version is upgraded')
})

test('a bare signature of the body, as another program would make it, is refused', async () => {
  assert.is(await openCode({ sig: key.sign(signed.body) }), 'signature.invalid')
})

test('size is checked before the signature, the signature before the content', async () => {
  assert.is(await openCode({ body: new Uint8Array((1 << 20) + 1) }), 'encoding.size')
  assert.is(await openCode({ body: Uint8Array.of(0xff) }), 'signature.invalid')
  const anyCodec: Codec<unknown> = { ...noteCodec, encode: () => canonicalBytes({ v: 1, text: 7 }) } as Codec<unknown>
  assert.is(await codeOf(() => openDocument(noteCodec, signDocument(anyCodec, {}, key))), 'encoding.malformed')
})

test('the schema bounds every part', () => {
  assert.ok(signedSchema.safeParse(signed).success)
  for (const bad of [
    { kind: 'note' },
    { kind: 'Note/1' },
    { kind: 'note/0' },
    { by: new Uint8Array(31) },
    { sig: new Uint8Array(65) },
    { body: new Uint8Array((1 << 20) + 1) },
  ])
    assert.not.ok(signedSchema.safeParse({ ...signed, ...bad }).success, JSON.stringify(Object.keys(bad)))
})

/** The points of small order with both encodings of those that have two (y and y + p), and with either sign bit. */
const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((hex) => {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
  return [bytes, bytes.with(31, bytes[31]! | 0x80)]
})

test('a signature that nobody made, under a key of small order, is refused', async () => {
  const by = SMALL_ORDER[0]!
  const sig = new Uint8Array(64).with(0, 1) // R the identity, S zero
  assert.ok(ed25519.verify(sig, Buffer.from('anything'), by), 'by the loose rule (ZIP 215) it is valid for anything')
  assert.is(await openCode({ by, sig }), 'signature.invalid')
})

test('no key of small order is honest, in any encoding', async () => {
  for (const weak of SMALL_ORDER)
    assert.is(await codeOf(() => assertHonestKey(weak)), 'key.weak', Buffer.from(weak).toString('hex'))
  assert.is(await codeOf(() => assertHonestKey(new Uint8Array(32).fill(0xff))), 'key.weak', 'not a point')
  assert.is(await codeOf(() => assertHonestKey(new Uint8Array(31))), 'key.weak', 'too short')
  assert.is(await codeOf(() => assertHonestKey(key.publicKey)), undefined)
})

test('peer ids are the ones libp2p makes', () => {
  const raw = privateKeyFromRaw(Buffer.concat([key.exportSeed(), key.publicKey]))
  assert.is(peerIdOf(key.publicKey), peerIdFromPrivateKey(raw).toString())
  assert.equal(publicKeyOf(peerIdOf(key.publicKey)), key.publicKey)
})

test('account ids carry their key', () => {
  assert.match(accountIdOf(key.publicKey), /^ac_[1-9A-HJ-NP-Za-km-z]{32,44}$/)
  assert.equal(accountKeyOf(accountIdOf(key.publicKey)), key.publicKey)
  const zeros = new Uint8Array(32)
  assert.equal(accountKeyOf(accountIdOf(zeros)), zeros)
})

test('ids that carry no key are refused', async () => {
  const [peer, account] = [peerIdOf(key.publicKey), accountIdOf(key.publicKey)]
  for (const bad of [
    '',
    account,
    `${peer}1`,
    peer.slice(0, -1),
    peer.replace('K', '0'),
    'Q'.repeat(46),
    '1'.repeat(1000),
  ])
    assert.is(await codeOf(() => publicKeyOf(bad)), 'key.malformed', bad)
  for (const bad of ['', 'ac_', peer, account.slice(0, -2), `${account}l`, account.slice(3)])
    assert.is(await codeOf(() => accountKeyOf(bad)), 'key.malformed', bad)
})

test.run()
