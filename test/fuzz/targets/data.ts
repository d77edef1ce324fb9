/** Blobs, tensors and rows. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromArrays, tableToIPC } from 'apache-arrow'
import { systemClock } from '../../../runtime/base/index.ts'
import { memoryBlobStore, Spread, serveBlobs, treeOfBytes } from '../../../runtime/data/blob/index.ts'
import { pinsCodec } from '../../../runtime/data/blob/pins.ts'
import { blobReplyCodec, blobRequestCodec } from '../../../runtime/data/blob/protocol.ts'
import { Provider } from '../../../runtime/data/blob/provider.ts'
import { packDigests, unpackTree } from '../../../runtime/data/blob/tree.ts'
import { encodeRows, memoryTable, storedTable } from '../../../runtime/data/rows/index.ts'
import { arrowLoader } from '../../../runtime/data/sources/arrow.ts'
import { bytesInMemory } from '../../../runtime/data/sources/byte-source.ts'
import type { TensorSpec } from '../../../runtime/data/sources/index.ts'
import { jsonLinesLoader } from '../../../runtime/data/sources/json-lines.ts'
import type { Loader } from '../../../runtime/data/sources/source.ts'
import { checkTensors, decodeTensors, encodeTensors, tensorOf } from '../../../runtime/data/tensor/index.ts'
import { readSafetensors, safetensorsHead } from '../../../runtime/data/tensor/safetensors.ts'
import { assertSame, codecTarget, type Target } from '../target.ts'
import { channelOf, streamOf } from './wire.ts'

const CHUNK = 1 << 20
const small = Buffer.from('a small blob')
const large = new Uint8Array(2 * CHUNK + 5).fill(7)
const [smallTree, largeTree] = [treeOfBytes(small), treeOfBytes(large)]
const store = await memoryBlobStore({ clock: systemClock })
await store.put(small)
await store.put(large)

const open = (blob: string, tree = true) => blobRequestCodec.encode({ type: 'open', blob, tree })
const chunk = (index: number) => blobRequestCodec.encode({ type: 'chunk', index })
const treeReply = blobReplyCodec.encode({ type: 'tree', sizeBytes: large.byteLength })
const contentReply = blobReplyCodec.encode({ type: 'content', sizeBytes: small.byteLength })

/** What a provider answers to a request for the large blob and its last chunk. */
const answers = (tree: Uint8Array, digests: Uint8Array, last: Uint8Array) =>
  streamOf([
    [tree, digests],
    [last, large.subarray(2 * CHUNK)],
  ])
const lastReply = blobReplyCodec.encode({ type: 'chunk', index: 2 })

const tensors = {
  bools: tensorOf(Uint8Array.of(1, 0, 1), [3], 'bool'),
  floats: tensorOf(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
  ints: tensorOf(BigInt64Array.of(1n, -1n)),
  scalar: tensorOf(Float64Array.of(1), []),
  words: tensorOf(['a', '', 'ünï']),
}
const [, header] = encodeTensors(tensors)
const encodedTensors = Buffer.concat(encodeTensors(tensors))

const numbers = [
  { name: 'floats', ...tensors.floats },
  { name: 'ints', ...tensors.ints },
]
const safetensorsData = Buffer.concat(numbers.map(({ data }) => data))
const safetensors = Buffer.concat([safetensorsHead(numbers), safetensorsData])
const safetensorsHeader = safetensors.subarray(8, safetensors.byteLength - safetensorsData.byteLength)

function lengthOf({ byteLength }: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(byteLength))
  return prefix
}

/** A header altered, and the data of the tensors behind it where it must be. */
function sealHeader(altered: Uint8Array): Uint8Array {
  const prefix = Buffer.from('AvTn\0\0\0\0')
  prefix.writeUInt32LE(altered.byteLength, 4)
  const padding = Buffer.alloc((64 - ((8 + altered.byteLength) % 64)) % 64)
  const data = encodedTensors.subarray(Math.ceil((8 + header!.byteLength) / 64) * 64)
  return Buffer.concat([prefix, altered, padding, data])
}

const rowFile = Buffer.concat(
  await Array.fromAsync(
    encodeRows(
      memoryTable(
        { x: tensorOf(Float32Array.of(1, 2, 3, 4), [2, 2]), y: tensorOf(Uint8Array.of(0, 1)) },
        {
          symbols: { y: ['no', 'yes'] },
        },
      ),
    ),
  ),
)
const rowFileHeader = rowFile.subarray(8, 8 + rowFile.readUInt32LE(4))

/** A header altered, and the rows behind it where they must be. */
function sealRows(altered: Uint8Array): Uint8Array {
  const prefix = Buffer.from('AvRw\0\0\0\0')
  prefix.writeUInt32LE(altered.byteLength, 4)
  const padding = Buffer.alloc((64 - ((8 + altered.byteLength) % 64)) % 64)
  return Buffer.concat([
    prefix,
    altered,
    padding,
    rowFile.subarray(Math.ceil((8 + rowFileHeader.byteLength) / 64) * 64),
  ])
}

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/data/sources/${name}`, import.meta.url))
const spec = (name: string, dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name,
  dtype,
  shape: ['n', ...shape],
})
const ARROW_INPUTS = [
  ...[
    spec('x', 'float32', 4),
    spec('nested', 'uint8', 2, 3),
    spec('tensor', 'int16', 2, 3),
    spec('deep', 'int64', 3, 2),
  ],
  ...[spec('n', 'int64'), spec('flag', 'bool'), spec('text', 'string'), spec('large', 'string')],
]
const table = tableFromArrays({ n: BigInt64Array.of(1n, 2n, 3n), text: ['a', 'b', 'a'] })
const JSON_INPUTS = [spec('x', 'float32', 2), spec('i', 'int64'), spec('flag', 'bool'), spec('text', 'string')]
const JSON_LINES =
  '{"x":[1,2],"i":"9007199254740993","flag":true,"text":"a"}\n\n{"x":[3,4],"i":4,"flag":false,"text":""}\n'

const folder = mkdtempSync(join(tmpdir(), 'aivida-fuzz-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** All rows, checked as what goes to an engine is. */
async function drained(loader: Loader): Promise<void> {
  try {
    let pieces = 0
    for await (const { tensors } of loader.pieces(0)) {
      checkTensors(tensors)
      if (++pieces > 1_000) break // rows that take no bytes may be many
    }
  } finally {
    await loader.close()
  }
}

/** See the head of this file. */
export const dataTargets: readonly Target[] = [
  codecTarget(blobRequestCodec, [
    { type: 'open', blob: smallTree.root, grant: Buffer.from('grant'), tree: true },
    { type: 'open', blob: largeTree.root, tree: true, partial: true },
    { type: 'chunk', index: 3 },
    { type: 'any', from: 0, wanted: Uint8Array.of(7) },
  ]),
  codecTarget(blobReplyCodec, [
    { type: 'content', sizeBytes: 12 },
    { type: 'tree', sizeBytes: 1 << 30 },
    { type: 'tree', sizeBytes: 3 << 20, have: Uint8Array.of(5), chooses: true },
    { type: 'chunk', index: 1 },
    { type: 'none' },
    { type: 'news', have: [2, 0], peers: [] },
    { type: 'refused', code: 'grant.expired', message: 'ask again' },
  ]),
  {
    name: 'safetensors',
    samples: [
      { bytes: safetensors },
      { bytes: safetensorsHeader, seal: (header) => Buffer.concat([lengthOf(header), header, safetensorsData]) },
    ],
    async decode(bytes) {
      const file = bytesInMemory('state', bytes)
      for (const { name, dtype, shape, at, sizeBytes } of await readSafetensors(file))
        checkTensors({ [name]: { dtype, shape, data: await file.read(at, sizeBytes) } })
    },
  },
  codecTarget(pinsCodec, [
    { owner: 'job', pins: [{ blob: smallTree.root }, { blob: largeTree.root, untilWallMs: 5 }] },
  ]),
  {
    name: 'blob-serve',
    samples: [
      { bytes: open(smallTree.root), seal: (header) => streamOf([[header]]) },
      { bytes: open(largeTree.root, false), seal: (header) => streamOf([[header], [chunk(2)]]) },
      { bytes: chunk(2), seal: (header) => streamOf([[open(largeTree.root)], [header], [header]]) },
    ],
    cost: { perByte: 256, constant: 24 << 20 }, // a chunk read, framed and kept by the stream
    decode: (bytes) => serveBlobs(channelOf(bytes), store, { authorise: () => 'job', spread: new Spread() }),
  },
  {
    name: 'blob-provider',
    samples: [
      { bytes: treeReply, seal: (reply) => answers(reply, packDigests(largeTree.chunks), lastReply) },
      { bytes: packDigests(largeTree.chunks), seal: (digests) => answers(treeReply, digests, lastReply) },
      { bytes: lastReply, seal: (reply) => answers(treeReply, packDigests(largeTree.chunks), reply) },
    ],
    async decode(bytes) {
      const asked = { root: largeTree.root, clock: systemClock, signal: new AbortController().signal, partial: true }
      const provider = await Provider.reach(async () => channelOf(bytes), asked)
      const { tree } = await provider.open()
      if (tree.root !== largeTree.root) throw new Error('another blob passed for the one that was asked for')
      await provider.order({ type: 'chunk', index: 2 })
      await provider.next()
    },
  },
  {
    name: 'blob-content',
    samples: [
      { bytes: contentReply, seal: (reply) => streamOf([[reply, small]]) },
      { bytes: small, seal: (content) => streamOf([[contentReply, content]]) },
    ],
    async decode(bytes) {
      const asked = { root: smallTree.root, clock: systemClock, signal: new AbortController().signal, partial: false }
      const provider = await Provider.reach(async () => channelOf(bytes), asked)
      const { content } = await provider.open()
      if (content) assertSame(content, small, 'content')
    },
  },
  {
    name: 'blob-tree',
    takesAll: true,
    samples: [{ bytes: packDigests(largeTree.chunks) }],
    decode(bytes) {
      for (const sizeBytes of [large.byteLength, bytes.byteLength << 15, 2 ** 40]) {
        const tree = unpackTree(largeTree.root, sizeBytes, bytes)
        if (tree) assertSame(packDigests(tree.chunks), bytes, 'tree')
      }
    },
  },
  {
    name: 'tensors',
    samples: [{ bytes: encodedTensors }, { bytes: header!, seal: sealHeader }],
    executions: 250,
    decode(bytes) {
      const written = Buffer.concat(encodeTensors(decodeTensors(bytes)))
      assertSame(Buffer.concat(encodeTensors(decodeTensors(written))), written, 'tensors')
    },
  },
  {
    name: 'row-file',
    samples: [{ bytes: rowFile }, { bytes: rowFileHeader, seal: sealRows }],
    async decode(bytes) {
      const table = await storedTable(bytesInMemory('rows', bytes), { identity: '' })
      const written = Buffer.concat(await Array.fromAsync(encodeRows(table)))
      await storedTable(bytesInMemory('rows', written), { identity: '' })
    },
  },
  {
    name: 'arrow-rows',
    samples: [
      ...['pyarrow-file.arrow', 'pyarrow-stream.arrows', 'pyarrow-zstd.arrow', 'pyarrow-lz4.arrow'].map((name) => ({
        bytes: fixture(name),
      })),
      { bytes: tableToIPC(table, 'file') },
      { bytes: tableToIPC(table, 'stream') },
    ],
    executions: 250,
    async decode(bytes) {
      for (const inputs of [ARROW_INPUTS, [spec('n', 'int64')]])
        await drained(
          await arrowLoader({ bytes: bytesInMemory('rows.arrow', bytes), identity: '', inputs, rowsPerPiece: 4 }),
        )
    },
  },
  {
    name: 'json-rows',
    samples: [{ bytes: Buffer.from(JSON_LINES) }],
    async decode(bytes) {
      const path = join(folder, 'rows.jsonl')
      writeFileSync(path, bytes)
      await drained(await jsonLinesLoader({ path, identity: '', inputs: JSON_INPUTS }))
    },
  },
]
