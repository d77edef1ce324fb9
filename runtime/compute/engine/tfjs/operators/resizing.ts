import type { Call } from '../call.ts'
import type { Value } from '../value.ts'
import type { Rows } from './row.ts'

/** More elements, or fewer, over the same extent. */
export const RESIZING: Rows = { Resize: { run: resize } }

/** Each element repeated a whole number of times; what lies between elements is not made up. */
function resize(call: Call): Value {
  const { tf } = call
  const x = call.x(0)
  const scales = call.inputs[2] && call.x(2).size > 0 ? call.numbers(2) : undefined
  const sizes = call.maybeNumbers(3) ?? x.shape.map((dim, axis) => dim * (scales?.[axis] ?? 1))
  const repeats = sizes.map((size, axis) => size / x.shape[axis]!)
  const whole = repeats.every((repeat) => Number.isInteger(repeat) && repeat >= 1)
  if (call.text('mode', 'nearest') !== 'nearest' || !whole || call.ints('axes'))
    throw call.refuse('a resize that is no whole repetition of elements')
  // Whatever the coordinates are called, an even repetition finds the same neighbours, but for `asymmetric` rounded up.
  const mode = call.text('coordinate_transformation_mode', 'half_pixel')
  const rounding = call.text('nearest_mode', 'round_prefer_floor')
  if (mode === 'asymmetric' ? rounding !== 'floor' : mode !== 'half_pixel' || rounding !== 'round_prefer_floor')
    throw call.refuse(`coordinates ${mode}, rounded by ${rounding}`)
  const apart = tf.reshape(
    x,
    x.shape.flatMap((dim) => [dim, 1]),
  )
  const repeated = tf.tile(
    apart,
    repeats.flatMap((repeat) => [1, repeat]),
  )
  return call.like(tf.reshape(repeated, [...sizes]))
}
