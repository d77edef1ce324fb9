import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { digestBytes, merkleRoot, sha256, sha256All } from '../../runtime/base/hash.ts'

/** The leaves and roots that Certificate Transparency implementations of RFC 6962 are tested with. */
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const hashing = suite('hash')

hashing('sha256 gives the FIPS 180-4 digest, in one piece or in several', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  assert.is(sha256(Buffer.from('abc')), abc)
  assert.is(sha256All([Buffer.from('a'), new Uint8Array(), Buffer.from('bc')]), abc)
  assert.is(Buffer.from(digestBytes(abc)).toString('hex'), abc)
})

hashing('merkle roots are those of RFC 6962, for every number of leaves up to eight', () => {
  for (const [count, root] of ROOTS.entries()) assert.is(merkleRoot(LEAVES.slice(0, count)), root, `${count} leaves`)
})

hashing('a root tells order, number and content of its leaves apart', () => {
  const [a, b] = [sha256(Buffer.from('a')), sha256(Buffer.from('b'))]
  const roots = [[a], [b], [a, b], [b, a], [a, a], [a, a, a], [merkleRoot([a, b])]].map(merkleRoot)
  assert.is(new Set(roots).size, roots.length)
})

hashing.run()
