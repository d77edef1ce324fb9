import { tensorOf } from '../../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from '../../build/graph-builder.ts'
import type { Composite, OperatorCall } from '../../build/operator.ts'
import type { Value } from '../../build/value.ts'
import { scalesOf } from '../resize.ts'

/** How one axis is resampled. */
interface Resampling {
  readonly mode: string
  readonly coordinates: string
  readonly nearest: string
}

/**
 * Resampling of an axis is linear in what it resamples: a repeat of every element where that is all, a product with a
 * constant matrix otherwise (https://onnx.ai/onnx/operators/onnx__Resize.html; modes `nearest` and `linear`).
 */
export const RESIZE: Readonly<Record<string, Composite>> = {
  Resize: (g, call) =>
    resized(g, call, {
      mode: call.text('mode', 'nearest'),
      coordinates: call.text('coordinate_transformation_mode', 'half_pixel'),
      nearest: call.text('nearest_mode', 'round_prefer_floor'),
    }),
  /** What Resize was called before opset 10. */
  Upsample: (g, call) =>
    g.applyAll('Resize', [call.inputs[0], undefined, call.inputs[1]], {
      mode: call.text('mode', 'nearest'),
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    }),
}

function resized(g: GraphBuilder, call: OperatorCall, how: Resampling): Value[] | undefined {
  const x = call.input(0)
  const scales = scalesOf(call)
  if (call.int('antialias', 0) === 1) throw call.refuse('attribute', 'expected a Resize without antialias')
  const axes = scales.map(({ scale, size }, axis) => {
    const before = x.shape[axis]!
    if (size === before && scale === 1) return { repeat: 1, rows: [] }
    const repeat = size / before
    const rows = Array.from({ length: size }, (_, place) => weights(call, how, { place, before, size, scale }))
    const repeats = rows.every((row, place) => row.length === 1 && row[0]!.from === Math.floor(place / repeat))
    return { repeat: Number.isInteger(repeat) && repeats ? repeat : undefined, rows }
  })
  // The CPU engine has a kernel for it that is eight times as fast as an Expand.
  const repeats = axes.every(({ repeat }) => repeat !== undefined) && axes.some(({ repeat }) => repeat !== 1)
  if (repeats && g.target === 'cpu' && x.dtype === 'float32') return undefined
  return [
    axes.reduce((value, { repeat, rows }, axis) => {
      if (repeat === 1) return value
      return repeat !== undefined ? repeated(g, value, axis, repeat) : multiplied(g, value, axis, rows)
    }, x),
  ]
}

/** Which elements make the one at `place`, and how much each counts. */
function weights(
  call: OperatorCall,
  { mode, coordinates, nearest }: Resampling,
  { place, before, size, scale }: { place: number; before: number; size: number; scale: number },
): { from: number; weight: number }[] {
  const within = (at: number) => Math.min(Math.max(at, 0), before - 1)
  const at = coordinate(call, coordinates, { place, before, size, scale })
  if (mode === 'nearest') return [{ from: within(rounded(call, nearest, at)), weight: 1 }]
  if (mode !== 'linear') throw call.refuse('attribute', `expected mode nearest or linear, found ${mode}`)
  const low = Math.floor(at)
  const share = at - low
  return [
    { from: within(low), weight: 1 - share },
    { from: within(low + 1), weight: share },
  ]
}

function coordinate(
  call: OperatorCall,
  mode: string,
  { place, before, size, scale }: { place: number; before: number; size: number; scale: number },
): number {
  switch (mode) {
    case 'half_pixel':
      return (place + 0.5) / scale - 0.5
    case 'pytorch_half_pixel':
      return size > 1 ? (place + 0.5) / scale - 0.5 : 0
    case 'align_corners':
      return size > 1 ? (place * (before - 1)) / (size - 1) : 0
    case 'asymmetric':
      return place / scale
    default:
      throw call.refuse(
        'attribute',
        `expected half_pixel, pytorch_half_pixel, align_corners or asymmetric coordinates, found ${mode}`,
      )
  }
}

function rounded(call: OperatorCall, mode: string, at: number): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(at - 0.5)
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5)
    case 'floor':
      return Math.floor(at)
    case 'ceil':
      return Math.ceil(at)
    default:
      throw call.refuse('attribute', `expected a known nearest_mode, found ${mode}`)
  }
}

function repeated(g: GraphBuilder, value: Value, axis: number, times: number): Value {
  const around = (...dims: number[]) =>
    [axis === 0 ? [] : [-1], value.shape.slice(1, axis), dims, value.shape.slice(axis + 1)].flat()
  const size = value.shape[axis]!
  const ones = [...value.shape.map(() => 1), 1]
  const full = g.expand(g.reshape(value, around(size, 1)), ones.with(axis + 1, times))
  return g.reshape(full, around(size * times))
}

function multiplied(
  g: GraphBuilder,
  value: Value,
  axis: number,
  rows: readonly (readonly { from: number; weight: number }[])[],
): Value {
  const before = value.shape[axis]!
  const matrix = new Float64Array(before * rows.length)
  rows.forEach((row, place) => {
    for (const { from, weight } of row) matrix[from * rows.length + place]! += weight
  })
  const array = value.dtype === 'float64' ? matrix : Float32Array.from(matrix)
  const last = value.shape.length - 1
  const order = value.shape.map((_, i) => (i === axis ? last : i === last ? axis : i))
  const product = g.matmul(g.transpose(value, order), g.constant(tensorOf(array, [before, rows.length])))
  return g.transpose(product, order)
}
