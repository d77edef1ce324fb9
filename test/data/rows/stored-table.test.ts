import { readFile } from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { limit } from '../../../runtime/base/index.ts'
import {
  encodeRows,
  epochOrder,
  memoryTable,
  placesOf,
  type RowTable,
  storedTable,
} from '../../../runtime/data/rows/index.ts'
import { rowFileCodec } from '../../../runtime/data/rows/row-file.ts'
import { type ByteSource, bytesInMemory } from '../../../runtime/data/sources/byte-source.ts'
import { tensorOf, typedArrayOf } from '../../../runtime/data/tensor/index.ts'
import { refuses, refusesSync } from '../refusal.ts'

const CHUNK = limit('chunkBytes')

/** 3,000 rows of 1,009 bytes: three chunks, and rows that lie across their borders. */
const ROWS = 3_000
const table = memoryTable(
  {
    x: tensorOf(
      Uint16Array.from({ length: ROWS * 500 }, (_, i) => i),
      [ROWS, 500],
    ),
    y: tensorOf(Uint8Array.from({ length: ROWS }, (_, i) => i % 7)),
    z: tensorOf(Float64Array.from({ length: ROWS }, (_, i) => i / 2)),
  },
  { symbols: { y: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] } },
)
const written = Buffer.concat(await Array.fromAsync(encodeRows(table)))

interface Watched extends ByteSource {
  readonly reads: [at: number, length: number][]
}

function watched(bytes: Uint8Array): Watched {
  const reads: [number, number][] = []
  const source = bytesInMemory('rows', bytes)
  return {
    ...source,
    reads,
    read(at, length) {
      reads.push([at, length])
      return source.read(at, length)
    },
  }
}

const open = (bytes: Uint8Array) => storedTable(bytesInMemory('rows', bytes), { identity: 'id' })

async function sameRows(a: RowTable, b: RowTable, rows: ArrayLike<number>): Promise<void> {
  const [left, right] = [await a.gather(rows), await b.gather(rows)]
  for (const { name } of a.columns) {
    assert.equal(right[name]!.shape, left[name]!.shape)
    assert.ok(Buffer.compare(left[name]!.data, right[name]!.data) === 0, `${name} of ${rows.length} rows`)
  }
}

const stored = suite('stored table')

stored('what was written is read, in any order, across chunks', async () => {
  const read = await open(written)
  assert.equal([read.columns, read.length, read.storedBytes, read.identity], [table.columns, ROWS, ROWS * 1009, 'id'])
  await sameRows(table, read, placesOf(epochOrder(table, { seed: 1, epoch: 0 }), 0, ROWS))
  await sameRows(table, read, [2_999, 0, 0, 1_038, 1_039])
  await sameRows(table, read, [])
  assert.is(typedArrayOf((await read.gather([8])).z!)[0], 4)
})

stored('the place of a row follows from its number', async () => {
  const firstRowAt = written.byteLength - ROWS * 1009
  assert.is(firstRowAt % 64, 0)
  const row = written.subarray(firstRowAt + 1_000 * 1009, firstRowAt + 1_001 * 1009)
  assert.equal([row.readUInt16LE(0), row[1000], row.readDoubleLE(1001)], [(1_000 * 500) % 65_536, 1_000 % 7, 500])
  assert.equal(
    Buffer.concat(await Array.fromAsync(encodeRows(await open(written)))),
    written,
    'equal tables, equal bytes',
  )
})

stored('a file that an earlier version wrote is read, and written the same', async () => {
  const bytes = await readFile(new URL('../../fixtures/data/rows-v1.bin', import.meta.url))
  const old = await open(bytes)
  const { x, y } = await old.gather([1, 0])
  assert.equal(
    [[...typedArrayOf(x!)], [...typedArrayOf(y!)]],
    [
      [3, 4, 1, 2],
      [1, 0],
    ],
  )
  assert.equal(old.columns[1]!.symbols, ['no', 'yes'])
  assert.equal(Buffer.concat(await Array.fromAsync(encodeRows(old))), bytes)
})

stored('only the chunks that rows lie in are read, each once while it is kept', async () => {
  const bytes = watched(written)
  const read = await storedTable(bytes, { identity: 'id' })
  bytes.reads.length = 0
  await read.gather([0, 5, 2_990, 1])
  await Promise.all([read.gather([2, 2_991]), read.gather([3])])
  assert.equal(bytes.reads, [
    [0, CHUNK],
    [2 * CHUNK, CHUNK],
  ])
  const small = watched(written)
  const forgetful = await storedTable(small, { identity: 'id', cacheBytes: 1 })
  await sameRows(table, forgetful, [0, 2_990, 1_500, 1_038])
  small.reads.length = 0
  for (const row of [0, 2_990, 0, 1]) await forgetful.gather([row])
  assert.is(small.reads.length, 3, 'one page is kept')
})

stored('a read that fails is tried again', async () => {
  let failures = 1
  const bytes = bytesInMemory('rows', written)
  const read = await storedTable(
    {
      ...bytes,
      async read(at, length) {
        if (at === CHUNK && failures-- > 0) throw new Error('once')
        return bytes.read(at, length)
      },
    },
    { identity: 'id' },
  )
  assert.is(await read.gather([1_500]).then(String, (error) => error.message), 'once')
  await sameRows(table, read, [1_500])
})

stored('cut off, lengthened, or no row file at all', async () => {
  for (const bytes of [written.subarray(0, -1), Buffer.concat([written, Uint8Array.of(0)]), written.subarray(0, 100)])
    await refuses('rows.malformed', open(bytes))
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('AvRw'),
    Buffer.from('ARROW1\0\0'),
    Buffer.from('AvRw\xff\xff\xff\x7f'),
  ])
    await refuses('rows.malformed', open(bytes))
  let closed = 0
  const garbage = { ...bytesInMemory('garbage', Buffer.alloc(9)), close: async () => void closed++ }
  await refuses('rows.malformed', storedTable(garbage, { identity: '' }))
  assert.is(closed, 1)
  const bytes = bytesInMemory('rows', written)
  const shrunk = await storedTable(
    { ...bytes, read: (at, length) => bytes.read(at, Math.min(length, 1_000)) },
    { identity: '' },
  )
  await refuses('rows.malformed', shrunk.gather([5]))
})

stored('headers that no row file has', async () => {
  const column = { name: 'x', dtype: 'uint8', shape: [1] } as const
  for (const columns of [
    [],
    [column, column],
    [{ ...column, dtype: 'string' as const }],
    [{ ...column, shape: [0] }],
    [{ ...column, shape: [2 ** 40, 2 ** 40] }],
  ])
    await refuses(
      'rows.malformed',
      open(sealed({ rows: 0, columns: columns.map((each) => ({ ...each, shape: [...each.shape] })) })),
    )
  await refuses('rows.range', (await open(sealed({ rows: 0, columns: [{ ...column, shape: [1] }] }))).gather([0]))
  refusesSync('rows.columns', () => memoryTable({ x: tensorOf(new Uint8Array(), [3, 0]) }))
})

stored.run()

function sealed(header: Parameters<typeof rowFileCodec.encode>[0]): Uint8Array {
  const encoded = rowFileCodec.encode(header)
  const bytes = Buffer.alloc(Math.ceil((8 + encoded.byteLength) / 64) * 64)
  bytes.write('AvRw')
  bytes.writeUInt32LE(encoded.byteLength, 4)
  bytes.set(encoded, 8)
  return bytes
}
