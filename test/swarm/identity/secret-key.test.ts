import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../runtime/base/index.ts'
import { verifySignature } from '../../../runtime/protocol/signed.ts'
import { SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { codeOf } from './sample-keys.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

test('signs as RFC 8032 section 7.1, test 2, says', () => {
  const key = new SecretKey(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'))
  assert.equal(key.publicKey, hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'))
  const signature = hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  )
  assert.equal(key.sign(Uint8Array.of(0x72)), signature)
  assert.ok(verifySignature(key.publicKey, Uint8Array.of(0x72), signature))
})

test('generates from the randomness it is given, and from the system by default', () => {
  assert.equal(SecretKey.generate(seededRandom(1)).publicKey, SecretKey.generate(seededRandom(1)).publicKey)
  assert.not.equal(SecretKey.generate().publicKey, SecretKey.generate().publicKey)
})

test('no way of printing a key shows the secret', () => {
  const key = SecretKey.generate(seededRandom(2))
  const seed = key.exportSeed()
  const forms = [`${key}`, JSON.stringify({ key }), inspect(key, { showHidden: true, depth: 9 }), inspect({ key })]
  const secrets = ['hex', 'base64', 'latin1'].map((form) => Buffer.from(seed).toString(form as BufferEncoding))
  for (const form of [...forms, JSON.stringify(structuredClone({ ...key }))])
    for (const secret of [...secrets, seed.subarray(0, 4).join(','), seed.subarray(0, 4).join(', ')])
      assert.not.ok(form.includes(secret), form)
})

test('nobody can change a key through what it gave or took', () => {
  const seed = new Uint8Array(32).fill(3)
  const key = new SecretKey(seed)
  seed.fill(4)
  key.exportSeed().fill(5)
  assert.equal(key.exportSeed(), new Uint8Array(32).fill(3))
})

test('a seed of another length is a defect, named without the seed', async () => {
  assert.is(await codeOf(() => new SecretKey(new Uint8Array(31))), 'internal.invariant')
})

test.run()
