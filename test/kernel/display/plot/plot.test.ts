import { tableFromArrays } from 'apache-arrow'
import sharp from 'sharp'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleOf } from '../../../../kernel/display/bundle.ts'
import type { MimeBundle } from '../../../../kernel/display/mime-bundle.ts'
import { plot } from '../../../../kernel/display/plot/index.ts'
import { tensorOf } from '../../../../runtime/data/tensor/index.ts'

const test = suite('plot')
const shown = (chart: object) => bundleOf(chart) as MimeBundle
const count = (text: string, what: RegExp) => [...text.matchAll(what)].length
const failure = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return (error as Error).message
  }
  return 'none'
}

test('lines of a table, an object of columns, rows, or values alone, in every form that a front end may know', async () => {
  const columns = {
    step: Int32Array.of(1, 2, 3),
    loss: Float32Array.of(4, 2, 1),
    accuracy: Float32Array.of(0, 0.5, Number.NaN),
  }
  const rows = [0, 1, 2].map((i) => ({ step: columns.step[i], loss: columns.loss[i], accuracy: columns.accuracy[i] }))
  const charts = [tableFromArrays(columns), columns, rows].map((data) =>
    plot.line(data, { x: 'step', title: 'Learning' }),
  )
  for (const chart of charts) assert.equal(chart.svg, charts[0]!.svg)
  const bundle = shown(charts[0]!)
  assert.is(bundle['text/plain'], 'Learning: lines over step: loss 4 to 1 (3 points); accuracy 0 to 0.5 (2 points)')
  assert.match(bundle['text/html']!, '1 values that are no numbers are left out')
  const { data, encoding } = charts[0]!.vegalite as { data: { values: unknown[] }; encoding: object }
  assert.equal(data.values[0], { x: 1, y: 4, series: 'loss' })
  assert.ok('color' in encoding)
  const image = await sharp(Buffer.from(bundle['image/svg+xml']!)).metadata()
  assert.equal([image.width, image.height], [640, 300])
  assert.match(shown(plot.line([3, 1, 2]))['text/plain'], 'value 3 to 2 (3 points)')
  assert.match(shown(plot.line(tensorOf(Float64Array.of(1, 2)), { y: 'value' }))['text/plain'], 'value 1 to 2')
  assert.match(shown(plot.line([]))['text/plain'], 'lines over row')
  assert.match(shown(plot.line([]))['text/html']!, 'there is no number to draw')
})

test('a line runs from left to right, and rows of several workers are a line each', () => {
  const path = (chart: { svg: string }) => [...chart.svg.matchAll(/<path d="([^"]*)"/g)].map(([, d]) => d!)
  const xs = (d: string) => [...d.matchAll(/[ML]([\d.]+) /g)].map(([, x]) => Number(x))
  const isSorted = (values: number[]) => values.every((x, i) => i === 0 || values[i - 1]! <= x)
  // as the parts of rounds have them: each member's steps, one member after the other
  const metrics = {
    step: [1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6],
    member: [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1],
    loss: [9, 8, 7, 9, 7, 6, 5, 4, 3, 5, 3, 2],
  }
  const split = plot.line(metrics, { x: 'step', y: 'loss' })
  assert.is(path(split).length, 2)
  assert.ok(path(split).every((d) => isSorted(xs(d)) && xs(d).length === 6))
  assert.is(shown(split)['text/plain'], 'lines over step: member 0 9 to 3 (6 points); member 1 9 to 2 (6 points)')
  assert.match(shown(split)['text/html']!, '>member 1<')
  const { member: worker, ...others } = metrics
  assert.is(path(plot.line({ ...others, worker }, { x: 'step', y: 'loss', by: 'worker' })).length, 2)
  assert.match(shown(plot.line({ ...metrics, lr: metrics.step }, { x: 'step' }))['text/plain'], 'loss, member 1 9 to 2')
  const whole = plot.line(metrics, { x: 'step', y: 'loss', by: false })
  assert.is(path(whole).length, 1)
  assert.ok(isSorted(xs(path(whole)[0]!)))
  assert.match(shown(whole)['text/html']!, 'some step have several values')
  assert.is(path(plot.line(others, { x: 'step', y: 'loss' })).length, 1)
})

test('a million points are few, and what sticks out stays', () => {
  const values = new Float64Array(1_000_000)
  values[777_777] = 10
  const { svg } = plot.line(values)
  assert.ok(svg.length < 40_000, `${svg.length} characters`)
  assert.ok(count(svg, / 22\.0/g) > 0, 'the peak is drawn at the top')
})

test('dots, bars and histograms', () => {
  assert.is(count(plot.scatter({ a: [1, 2, 3], b: [3, 2, 1] }, { x: 'a', y: 'b' }).svg, /<circle/g), 3)
  const bars = plot.bar(
    [
      { word: '<whale>', count: 3 },
      { word: 'sea', count: -1 },
    ],
    { x: 'word' },
  )
  assert.is(count(bars.svg, /<rect/g), 2)
  assert.match(bars.svg, '&lt;whale&gt;')
  assert.match(shown(bars)['text/plain'], 'bars: <whale> 3, sea -1')
  assert.match(
    shown(plot.histogram([0, 0, 1, 9, Number.NaN], { bins: 3 }))['text/plain'],
    /4 values of value, 0 to 9: 3 0 1$/,
  )
})

test('heat maps and confusion matrices', () => {
  const heat = plot.heatmap(tensorOf(Float32Array.of(0, 1, 2, 3, 4, 5), [2, 3]), { rows: ['a', 'b'] })
  assert.is(count(heat.svg, /<rect/g), 6)
  assert.match(heat.svg, '>5</text>')
  const wide = plot.heatmap(tensorOf(new Float32Array(17), [1, 17]), { rows: ['b'] })
  assert.match(wide.svg, '<title>b, 2: 0</title>', 'what has no room for its number says it when it is pointed at')
  const opacities = (cells: number[][]) =>
    [...plot.heatmap(cells).svg.matchAll(/fill-opacity="([\d.]+)"/g)].map(([, value]) => Number(value))
  const numbered = opacities([[0, 1, 2, 3, 4, 5, 6, 7, 8]])
  assert.ok(
    numbered.every((opacity) => opacity < 0.5 || opacity > 0.85),
    'numbers stand out from their cells',
  )
  const even = opacities([Array.from({ length: 21 }, (_, i) => i)])
  assert.ok(
    even.every((opacity, i) => i === 0 || Math.abs(opacity - even[i - 1]! - 0.047) < 0.002),
    'no step where none is',
  )
  const confusion = plot.confusion([0, 0, 1, 1], Int32Array.of(0, 1, 1, 1), { labels: ['cat', 'dog'] })
  assert.is(
    shown(confusion)['text/plain'],
    '75.00 % of 4 are right: 2 × 2, 0 to 2\n     cat  dog\ncat    1    1\ndog    0    2',
  )
  assert.match(shown(plot.confusion(['x'], ['y']))['text/plain'], /0.00 % of 1/)
})

test('what cannot be drawn is said', () => {
  assert.match(
    failure(() => plot.line(5)),
    'expected an Arrow table, { name: values }, rows as objects, or values, found a number',
  )
  assert.match(
    failure(() => plot.line({ a: [1] }, { x: 'b' })),
    'there is no column b; there are a',
  )
  assert.match(
    failure(() => plot.heatmap([[1], [1, 2]])),
    'rows of equal length',
  )
  assert.match(
    failure(() => plot.heatmap(new Array(300).fill(new Array(300).fill(0)))),
    'pool it first',
  )
  assert.match(
    failure(() => plot.confusion([1], [1, 2])),
    'expected as many true classes as predicted ones, found 1 and 2',
  )
  assert.match(
    failure(() => plot.confusion(['a'], ['b'], { labels: ['a'] })),
    'b is none of the labels',
  )
})

test('labels of strangers stay text', () => {
  const hostile = `"><script>alert(1)</script>\u202e`
  for (const chart of [
    plot.line({ [hostile]: [1, 2] }, { title: hostile }),
    plot.bar([{ [hostile]: hostile, y: 1 }], { title: hostile }),
    plot.confusion([hostile], ['b']),
  ]) {
    const bundle = shown(chart)
    assert.not.match(`${bundle['text/html']}${bundle['image/svg+xml']}`, /<script|\u202e/)
  }
})

test.run()
