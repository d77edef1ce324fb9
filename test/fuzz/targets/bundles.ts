/** Bundles: whoever does a training of somebody else again opens a file of theirs. */
import * as dagCbor from '@ipld/dag-cbor'
import { readTar, tarOf } from '../../../runtime/data/archive/index.ts'
import { bytesInMemory } from '../../../runtime/data/sources/byte-source.ts'
import { isTrainingRecord } from '../../../runtime/node/record/contents.ts'
import { contentsOf, decodeManifest, encodeManifest } from '../../../runtime/node/record/index.ts'
import { trainingRecord } from '../../node/record/sample-record.ts'
import { assertSame, type Target } from '../target.ts'

const manifest = Buffer.from(
  encodeManifest({
    v: 1,
    kind: 'aivida.bundle',
    record: trainingRecord(),
    contents: contentsOf(trainingRecord()).map(({ path, ...content }) => ({ ...content, included: true })),
  }),
)
const archive = Buffer.concat(
  await Array.fromAsync(
    tarOf([
      { name: 'manifest.json', sizeBytes: manifest.byteLength, content: () => [manifest] },
      { name: 'blobs/empty', sizeBytes: 0, content: () => [] },
    ]),
  ),
)

/** The sums of an archive's headers made right again, so that what they hold is looked at. */
function sealHeads(altered: Uint8Array): Uint8Array {
  const bytes = Buffer.from(altered)
  for (let at = 0; at + 512 <= bytes.byteLength; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) !== 'ustar') continue
    bytes.fill(' ', at + 148, at + 156)
    const sum = bytes.subarray(at, at + 512).reduce((all, byte) => all + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148)
  }
  return bytes
}

/** A value that was altered as CBOR, which mutations know the structure of, as JSON; what is neither stays what it is. */
function asJson(altered: Uint8Array): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(dagCbor.decode(altered)) ?? '')
  } catch {
    return altered
  }
}

/** See the head of this file. */
export const bundleTargets: readonly Target[] = [
  {
    name: 'archive',
    samples: [{ bytes: archive }, { bytes: archive, seal: sealHeads }],
    async decode(bytes) {
      for (const { at, sizeBytes } of await readTar(bytesInMemory('archive', bytes)))
        if (at + sizeBytes > bytes.byteLength) throw new Error('out of bounds')
    },
  },
  {
    name: 'bundle-manifest',
    samples: [{ bytes: manifest }, { bytes: dagCbor.encode(JSON.parse(`${manifest}`)), seal: asJson }],
    decode(bytes) {
      const decoded = decodeManifest(bytes)
      const written = encodeManifest(decoded)
      assertSame(written, encodeManifest(decodeManifest(written)), 'a manifest written and read again')
      if (isTrainingRecord(decoded.record)) contentsOf(decoded.record)
    },
  },
]
