import { tensor } from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-cpu'
import {
  DateDay,
  Decimal,
  Field,
  Float64,
  List,
  Struct,
  Table,
  tableFromArrays,
  Utf8,
  vectorFromArray,
} from 'apache-arrow'
import sharp from 'sharp'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleOf } from '../../../kernel/display/bundle.ts'
import { imagesBundle } from '../../../kernel/display/images.ts'
import { DISPLAY, type MimeBundle } from '../../../kernel/display/mime-bundle.ts'
import { plot } from '../../../kernel/display/plot/index.ts'
import { encodePng } from '../../../kernel/display/png.ts'
import { tensorOf } from '../../../runtime/data/tensor/index.ts'

const test = suite('what a cell ends with, in several forms')
const shown = (value: unknown) => bundleOf(value) as MimeBundle
const text = (value: unknown) => shown(value)['text/plain']

test('an Arrow table: names, types, first rows, how many there are; nulls are no text', () => {
  const table = new Table({
    id: vectorFromArray([1n, 2n, null]),
    word: vectorFromArray(['<b>null</b>', 'x'.repeat(500), null], new Utf8()),
    pixels: vectorFromArray([[1, 2, 3, 4, 5, 6, 7, 8], [], null], new List(new Field('item', new Float64(), true))),
    day: vectorFromArray([new Date('2026-02-03'), null, null], new DateDay()),
    price: vectorFromArray([Uint32Array.of(12_345, 0, 0, 0), null, null], new Decimal(2, 10, 128)),
    both: vectorFromArray([{ a: 'y' }, null, { a: null }], new Struct([new Field('a', new Utf8(), true)])),
  })
  const { 'text/plain': plain, 'text/html': html } = shown(table)
  assert.match(plain, /^ +id +word +pixels +day +price +both\nint64 +utf8 +list<float64> +date32<day>/m)
  assert.match(plain, /^ {4}1 +<b>null<\/b> +\[1, 2, 3, 4, 5, 6, … 8\] +2026-02-03 +123.45 +\{a: y\}$/m)
  assert.match(plain, /3 rows × 6 columns$/)
  assert.match(html!, /<td class="n">1<\/td>/)
  assert.match(html!, /&lt;b&gt;null&lt;\/b&gt;/)
  assert.match(html!, /<i class="null">null<\/i>/)
  assert.not.match(html!, /x{70}/)
})

test('a long and wide table says what is not shown', () => {
  const columns = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`c${i}`, new Int32Array(100_000)]))
  const { 'text/plain': plain, 'text/html': html } = shown(tableFromArrays(columns))
  assert.match(html!, /100,000 rows × 50 columns, the first 20 shown, 20 columns not shown/)
  assert.match(plain, /100,000 rows × 50 columns \(40 not shown\)/)
})

test('tensors of ours and of TensorFlow.js, and typed arrays: dtype, shape, range, values', () => {
  assert.is(
    text(tensorOf(Float32Array.of(1, 2.5, -3, Number.NaN), [2, 2])),
    'float32 [2, 2], 16 B, -3 to 2.5, mean 0.166667, 1 not finite\n[[  1, 2.5],\n [ -3, NaN]]',
  )
  const made = tensor([[1, 2, 3]], undefined, 'int32')
  assert.is(text(made), 'int32 [1, 3], 12 B, 1 to 3, mean 2\n[[1, 2, 3]]')
  made.dispose()
  assert.is(text(made), 'int32 [1, 3], disposed of: its values are gone')
  assert.match(text(new BigUint64Array(3)), /^uint64 \[3\], 24 B, 0 to 0, mean 0\n\[0, 0, 0\]$/)
  assert.match(text(Float64Array.from({ length: 10_000 }, (_, i) => i)), /\[0, 1, 2, 3, 4, \.\.\., 9995, /)
  assert.match(text(tensorOf(Uint16Array.of(0x3f80), [1], 'bfloat16')), /bfloat16 \[1\], 2 B, 1 to 1/)
  assert.match(text(tensorOf(['a', 'b'])), /^string \[2\]\n\["a", "b"\]$/)
  assert.match(
    text(
      tensorOf(
        new Uint8Array(2 ** 16),
        Array.from({ length: 16 }, () => 2),
      ),
    ),
    /^uint8 \[2, 2/,
  )
})

test('images: what PNG and JPEG bytes are is shown, and a tensor becomes a grid that other decoders read', async () => {
  const png = encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 0, 0, 0, 255) })
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  assert.equal([info.width, info.height, info.channels, ...data], [2, 1, 3, 255, 0, 0, 0, 0, 255])
  assert.is(shown(png)['image/png'], png.toString('base64'))
  const jpeg = await sharp(png).jpeg().toBuffer()
  assert.is(shown(jpeg)['image/jpeg'], jpeg.toString('base64'))
  assert.match(text(Buffer.concat([png, Buffer.alloc(11_000_000)])), /PNG image, 11.0 MB: too large/)

  const digits = tensorOf(
    Uint8Array.from({ length: 5 * 4 * 6 }, (_, i) => i),
    [5, 4, 6],
  )
  const grid = imagesBundle(digits, { columns: 2, labels: ['<i>', 1, 2, 3, 4] })
  const whole = await sharp(Buffer.from(grid['image/png']!, 'base64')).metadata()
  assert.equal([whole.width, whole.height], [2 * 6 + 2, 3 * 4 + 4])
  assert.match(grid['text/html']!, /<figcaption>&lt;i&gt;<\/figcaption>/)
  assert.match(grid['text/plain'], /^5 images of 6 × 4: <i>, 1, 2, 3, 4$/)
  const planes = imagesBundle(tensor([[[[1, 0]], [[0, 0.5]], [[0, 1]]]])) // one image of 2 x 1, RGB in planes
  const pixels = await sharp(Buffer.from(planes['image/png']!, 'base64')).raw().toBuffer()
  assert.equal([...pixels], [255, 0, 0, 0, 128, 255])
  assert.throws(() => imagesBundle(tensor([1, 2])), /expected \[images, height, width\]/)
  assert.throws(
    () => imagesBundle('x'),
    (error: { code: string }) => error.code === 'display.images',
  )
})

test('a value that says itself how it is shown', async () => {
  assert.equal(shown({ [DISPLAY]: () => ({ 'text/plain': 'mine', 'text/html': '<b>mine</b>' }) }), {
    'text/html': '<b>mine</b>',
    'text/plain': 'mine',
  })
  const late = { [DISPLAY]: async () => ({ 'text/plain': 'later' }) }
  assert.equal(await bundleOf(late), { 'text/plain': 'later' })
  const failing = {
    [DISPLAY]: () => {
      throw new Error('no view')
    },
  }
  assert.match(text(failing), /its display method failed: Error: no view/)
  assert.match(
    (await bundleOf({ [DISPLAY]: () => Promise.reject(new Error('late')) }))['text/plain'],
    /failed: Error: late/,
  )
  assert.is(text({ [DISPLAY]: () => undefined }), 'nothing to show')
})

test('no value kills the kernel: getters, proxies, cycles, huge texts, lists and objects', () => {
  const throws = () => {
    throw new Error('gotcha')
  }
  assert.match(
    text({
      get batches() {
        return throws()
      },
      schema: 1,
      numRows: 1,
      getChildAt: 1,
    }),
    /\[Getter\]/,
  )
  assert.match(text(Object.defineProperty({}, 'dtype', { get: throws })), /\{\}/)
  assert.type(text(new Proxy({}, { get: throws, has: throws, ownKeys: throws, getPrototypeOf: throws })), 'string')
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.type(text(proxy), 'string')
  const cycle: Record<string, unknown> = { list: [] }
  ;(cycle.list as unknown[]).push(cycle)
  assert.match(text(cycle), /Circular/)
  assert.ok(text('x'.repeat(100_000_000)).length < 20_000)
  assert.match(text('x'.repeat(100_000_000)), /99,9\d\d,\d\d\d more characters|9999\d+ more characters/)
  assert.match(text(Array.from({ length: 1_000_000 }, (_, i) => [i])), /999,900 more/)
  assert.match(text(Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, i]))), /199,900 more/)
  const deep = Array.from({ length: 90 }, () =>
    Array.from({ length: 90 }, () => Array.from({ length: 90 }, () => ({ a: 1 }))),
  )
  assert.ok(text(deep).length < 20_000)
  assert.match(
    text(
      new (class {
        [Symbol.for('nodejs.util.inspect.custom')]() {
          return throws()
        }
      })(),
    ),
    /class_?1?|\{\}|\[/i,
  )
  for (const value of [
    undefined,
    null,
    0,
    -0,
    1n,
    Symbol('s'),
    () => {},
    new Date(Number.NaN),
    new WeakMap(),
    Promise.resolve(),
  ])
    assert.type(text(value), 'string')
})

test('numbers of a column stand below each other at their points, unless they are of very different sizes', () => {
  const { 'text/plain': text } = bundleOf(
    tableFromArrays({ loss: [2.33027, 0.5, 3], rate: [0.1, 1e-9, 64], wide: Float64Array.of(64, 16, 8) }),
  ) as MimeBundle
  assert.match(text, /\n2\.33027 +0\.1 +64\n *0\.50000 +1\.0000e-9 +16\n *3\.00000 +64 +8\n/)
})

test('images beside each other become smaller where they do not fit', () => {
  const { 'text/html': html } = imagesBundle(tensorOf(new Uint8Array(20 * 784), [20, 28, 28]), { columns: 10 })
  assert.match(html!, 'grid-template-columns:repeat(10,minmax(0,84px))')
})

test('where a front end leaves out styles and pictures, words stand apart, and it is said what lacks', () => {
  // as JupyterLab does with a notebook that others ran
  const bare = (value: unknown) =>
    shown(value)
      ['text/html']!.replace(/<style>.*?<\/style>/gs, '')
      .replace(/<[^>]*>/g, '')
  assert.match(bare(tableFromArrays({ loss: Float32Array.of(1) })), 'loss float32')
  assert.match(bare(plot.line([1, 3])), /1 1.5 2 2.5 3 .*a chart, drawn once this notebook is trusted/s)
})

test.run()
