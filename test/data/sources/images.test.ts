import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openSource, type TensorSpec } from '../../../runtime/data/sources/index.ts'
import { refuses } from '../refusal.ts'
import { column, gathered } from './gathered.ts'

const [WIDTH, HEIGHT] = [3, 2]
/** Red rises, green is 100, blue falls. */
const RGB = Buffer.from(Array.from({ length: 6 }, (_, i) => [i * 10, 100, 255 - i * 10]).flat())
const GREY = Buffer.from([0, 50, 100, 150, 200, 255])
const LUMINANCE = [113, 110, 109, 108, 106, 105] // of RGB, by the image library

const image = (pixels: Uint8Array, channels: 1 | 3 | 4) =>
  sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels } }).toColourspace(channels === 1 ? 'b-w' : 'srgb')

const spec = (dtype: TensorSpec['dtype'], ...shape: (number | string)[]): TensorSpec => ({
  name: 'image',
  dtype,
  shape: ['n', ...shape],
})

const images = suite<{ dir: string }>('images')
images.before.each(async (context) => {
  context.dir = await mkdtemp(join(tmpdir(), 'aivida images '))
  await mkdir(join(context.dir, 'more'))
  await image(RGB, 3).png().toFile(join(context.dir, 'b.png'))
  await image(GREY, 1)
    .png()
    .toFile(join(context.dir, 'more', 'grey.PNG'))
  await image(RGB, 3).webp({ lossless: true }).toFile(join(context.dir, 'a.webp'))
  await writeFile(join(context.dir, 'notes.txt'), 'no image')
})
images.after.each(({ dir }) => rm(dir, { recursive: true }))

images('files come in the order of their names, with their names', async ({ dir }) => {
  const batches = await gathered(dir, { inputs: [spec('uint8', 3, 2, 3)], rowsPerBatch: 2 })
  assert.equal(
    batches.map(({ firstRow, rows, labels }) => ({ firstRow, rows, labels })),
    [
      { firstRow: 0, rows: 2, labels: ['a.webp', 'b.png'] },
      { firstRow: 2, rows: 1, labels: ['more/grey.PNG'] },
    ],
  )
  const [last] = await gathered(dir, { inputs: [spec('uint8', 3, 2, 3)], rowsPerBatch: 2 }, 2)
  assert.equal(last!.labels, ['more/grey.PNG'])
})

images('the folder of an image is its class, for an input of one integer a row', async ({ dir }) => {
  const inputs = [spec('uint8', 1, 2, 3), { name: 'label', dtype: 'int64', shape: ['n'] }] as const
  const loose = await refuses('source.shape', gathered(dir, { inputs }))
  assert.match(loose.message, /a\.webp lies in .* itself; label is the folder of an image/)
  await mkdir(join(dir, 'cats', 'young'), { recursive: true })
  await rename(join(dir, 'a.webp'), join(dir, 'cats', 'young', 'a.webp'))
  await rename(join(dir, 'b.png'), join(dir, 'more', 'b.png'))
  const batches = await gathered(dir, { inputs, rowsPerBatch: 2 })
  assert.equal(
    batches.flatMap(({ labels }) => labels),
    ['cats/young/a.webp', 'more/b.png', 'more/grey.PNG'],
  )
  assert.equal(column(batches, 'label'), [0n, 1n, 1n])
  const two = [...inputs, { name: 'other', dtype: 'int64', shape: ['n'] }] as const
  await refuses('source.shape', gathered(dir, { inputs: two }))
})

images('planes or interleaved, grey or coloured, as the input asks', async ({ dir }) => {
  const first = async (input: TensorSpec) => {
    const [batch] = await gathered(dir, { inputs: [input], rowsPerBatch: 1 })
    return { shape: batch!.tensors.image!.shape, elements: column([batch!], 'image') }
  }
  const [red, green, blue] = [0, 1, 2].map((channel) => [...RGB].filter((_, i) => i % 3 === channel)) as [
    number[],
    number[],
    number[],
  ]
  assert.equal(await first(spec('uint8', 3, 2, 3)), { shape: [1, 3, 2, 3], elements: [...red, ...green, ...blue] })
  assert.equal(await first(spec('uint8', 2, 3, 3)), { shape: [1, 2, 3, 3], elements: [...RGB] })
  assert.equal(await first(spec('uint8', 3, 'h', 'w')), { shape: [1, 3, 2, 3], elements: [...red, ...green, ...blue] })
  assert.equal(await first(spec('uint8', 1, 2, 3)), { shape: [1, 1, 2, 3], elements: LUMINANCE })
  assert.equal(await first(spec('uint8', 2, 'w')), { shape: [1, 2, 3], elements: LUMINANCE })
  const { elements } = await first(spec('float32', 'h', 'w', 3))
  assert.equal(
    elements,
    [...RGB].map((level) => Math.fround(level / 255)),
  )
  assert.equal((await first(spec('uint8', 3, 8, 5))).shape, [1, 3, 8, 5])
})

images('grey as colour, and transparency over white', async ({ dir }) => {
  await image(Buffer.from([...GREY].flatMap((level) => [level, level, level, level > 100 ? 255 : 0])), 4)
    .png()
    .toFile(join(dir, 'more', 'z.png'))
  const [batch] = await gathered(dir, { inputs: [spec('uint8', 2, 3, 3)] }, 2)
  const grey = [...GREY].flatMap((level) => [level, level, level])
  assert.equal(column([batch!], 'image'), [...grey, ...grey.map((level) => (level > 100 ? level : 255))])
})

images('a file that is no image is refused by name', async ({ dir }) => {
  await writeFile(join(dir, 'broken.png'), 'not a picture')
  const error = await refuses('source.bad-image', gathered(dir, { inputs: [spec('uint8', 1, 2, 3)] }))
  assert.match(error.message, 'broken.png')
})

images('an input that no image fits, a second input, a folder without images', async ({ dir }) => {
  await refuses('source.shape', openSource(dir, { inputs: [spec('uint8', 4, 2, 5)] }))
  await refuses('source.shape', openSource(dir, { inputs: [spec('uint8', 6)] }))
  await refuses('source.dtype', openSource(dir, { inputs: [spec('int64', 1, 2, 3)] }))
  await refuses(
    'source.shape',
    openSource(dir, { inputs: [spec('uint8', 1, 2, 3), { ...spec('uint8', 1), name: 'y' }] }),
  )
  await mkdir(join(dir, 'empty'))
  await refuses('source.empty', openSource(join(dir, 'empty'), { inputs: [spec('uint8', 1, 2, 3)] }))
})

images('another picture is another identity', async ({ dir }) => {
  const identity = async () => (await openSource(dir, { inputs: [spec('uint8', 1, 2, 3)] })).identity
  const before = await identity()
  assert.is(await identity(), before)
  await image(GREY, 1).png().toFile(join(dir, 'c.png'))
  assert.is.not(await identity(), before)
})

images.run()
