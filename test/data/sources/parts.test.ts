import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../../runtime/base/index.ts'
import { openSource, type Part, readParts, type WrittenPart, writeParts } from '../../../runtime/data/sources/index.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'
import { systemDisk } from '../../../runtime/log/disk.ts'
import { refuses } from '../refusal.ts'
import { elements } from './gathered.ts'

const ROWS = 3
const part = (index: number): Part => ({
  index,
  firstRow: index * ROWS,
  rows: ROWS,
  labels: ['a', 'b', 'c'].map((name) => `${name}${index}.png`),
  tensors: {
    probabilities: tensorOf(
      Float32Array.from({ length: ROWS * 4 }, (_, i) => index + i / 10),
      [ROWS, 2, 2],
    ),
    characters: tensorOf(
      Uint16Array.from({ length: ROWS * 2 }, (_, i) => index * 10 + i),
      [ROWS, 2],
    ),
    kept: tensorOf(Uint8Array.of(1, 0, 1), [ROWS], 'bool'),
    text: tensorOf(['ahab', '', 'ø'], [ROWS]),
  },
})

const parts = suite<{ dir: string }>('parts')
parts.before.each(async (context) => {
  context.dir = join(await mkdtemp(join(tmpdir(), 'aivida parts ')), 'results', 'job')
})
parts.after.each(({ dir }) => rm(join(dir, '../..'), { recursive: true }))

parts('parts written in any order are read as one', async ({ dir }) => {
  for (const index of [2, 0, 1]) {
    const [{ sha256: digest, ...written }] = (await writeParts(dir, [part(index)])) as [WrittenPart]
    assert.equal(written, { index, file: `part-0000${index}.arrow`, firstRow: 3 * index, rows: 3 })
    assert.is(sha256(await readFile(join(dir, written.file))), digest)
  }
  assert.equal((await readdir(dir)).sort(), ['part-00000.arrow', 'part-00001.arrow', 'part-00002.arrow'])
  const columns = await readParts(dir)
  assert.equal(Object.keys(columns), ['row', 'file', 'characters', 'kept', 'probabilities', 'text'])
  assert.equal(elements(columns.row!), [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n])
  assert.equal(elements(columns.file!).slice(2, 5), ['c0.png', 'a1.png', 'b1.png'])
  assert.equal([columns.probabilities!.dtype, columns.probabilities!.shape], ['float32', [9, 2, 2]])
  assert.equal(elements(columns.characters!).slice(4, 8), [4, 5, 10, 11])
  assert.equal(elements(columns.kept!), [1, 0, 1, 1, 0, 1, 1, 0, 1])
  assert.equal(elements(columns.text!).slice(0, 3), ['ahab', '', 'ø'])
})

parts('the same part is the same bytes, whatever the order of its outputs', async ({ dir }) => {
  const first = await writeParts(dir, [part(0)])
  const { tensors, ...rest } = part(0)
  const again = await writeParts(dir, [{ ...rest, tensors: Object.fromEntries(Object.entries(tensors).reverse()) }])
  assert.equal(again, first)
})

parts('a part is a source for the next job', async ({ dir }) => {
  const [{ file }] = (await writeParts(dir, [part(1)])) as [WrittenPart]
  const source = await openSource(join(dir, file), {
    inputs: [{ name: 'probabilities', dtype: 'float32', shape: ['n', 2, 2] }],
  })
  const [batch] = await Array.fromAsync(source.batches())
  assert.equal(batch!.tensors.probabilities!.data, part(1).tensors.probabilities!.data)
  await source.close()
})

parts('a part without rows takes its place among the others, and adds nothing', async ({ dir }) => {
  const empty = { index: 1, firstRow: 3, rows: 0, tensors: {} }
  await writeParts(dir, [empty, part(2)])
  await writeParts(dir, [part(0)])
  assert.equal(elements((await readParts(dir)).row!), [0n, 1n, 2n, 6n, 7n, 8n])
})

parts('a gap, nothing at all and foreign files', async ({ dir }) => {
  await refuses('source.not-found', readParts(dir))
  await writeParts(dir, [part(1)])
  assert.match((await refuses('part.missing', readParts(dir))).message, 'part-00000.arrow')
  await writeParts(dir, [part(0)])
  await writeFile(join(dir, 'part-00002.arrow.tmp'), 'half written')
  await writeFile(join(dir, 'notes.txt'), 'mine')
  assert.is((await readParts(dir)).row!.shape[0], 6)
})

parts('a full disk leaves no trace and the parts before it', async ({ dir }) => {
  await writeParts(dir, [part(0)])
  const fullDisk = {
    ...systemDisk,
    open: async (...args: Parameters<typeof systemDisk.open>) => ({
      ...(await systemDisk.open(...args)),
      sync: async () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      },
    }),
  }
  const error = await refuses('disk.full', writeParts(dir, [part(1)], fullDisk))
  assert.is(error.retryable, true)
  assert.equal(await readdir(dir), ['part-00000.arrow'])
})

parts('outputs of other rows, or named as a column of ours', async ({ dir }) => {
  const two = tensorOf(Float32Array.of(1, 2))
  await refuses('tensor.shape', writeParts(dir, [{ ...part(0), tensors: { y: two } }]))
  await refuses('tensor.shape', writeParts(dir, [{ ...part(0), tensors: { y: tensorOf(Float32Array.of(1), []) } }]))
  await refuses('part.name-taken', writeParts(dir, [{ ...part(0), rows: 2, tensors: { row: two } }]))
})

parts.run()
