import { assertNever, peerError, toAividaError, userError } from '../../base/errors.ts'
import { limit } from '../../base/limits.ts'
import type { Aggregation, Compression } from '../../protocol/index.ts'
import type { Compressor } from './compressor.ts'
import { compressorOf, isSparse } from './compressors.ts'
import { largestOf } from './largest.ts'
import { meanOf, medianOf, trimmedMeanOf } from './rules.ts'
import { decodeUpdate, encodeUpdate } from './update-bytes.ts'

/** What {@link aggregate} makes one of: one slice. */
export interface AggregateInit {
  /** In the order in which they are added up. */
  readonly contributions: readonly {
    /** Its number among the round's members. */
    readonly member: number
    readonly bytes: Uint8Array
    /** Of its samples; any unit. */
    readonly weight: number
  }[]
  readonly aggregation: Aggregation
  /** Of the contributions ... */
  readonly compressed: Compression
  /** ... and of what they become. */
  readonly compression: Compression
  /** Elements, of which the last `plain` are statistics. */
  readonly length: number
  readonly plain: number
  /** What compression left over of the last one, `length - plain` elements; it is not changed. Default: zeros. */
  readonly residual?: Float32Array | undefined
}

/**
 * The largest value of a contribution. So far below the largest that an update can hold (2^120), no mean of values, nor what
 * compression left over of many, comes to one that cannot be sent: who is at fault is the member, not who reduces.
 */
const LARGEST_GIVEN = 2 ** 100

/** What contributions became. */
export interface Aggregated {
  readonly update: Uint8Array
  /** What compression left over, `length - plain` elements; absent where nothing is lost (`f32`). */
  readonly residual?: Float32Array
}

/**
 * Contributions decoded, brought together by the rule, compressed again. The same bytes on every machine: f32, rounded after
 * each operation, in the order of the contributions. Throws `update.contribution`, naming the member, for one that is
 * malformed, not finite or beyond 2^100; `update.length` for lengths that cannot be; `aggregation.trim`, `aggregation.sparse`,
 * `compression.*`.
 */
export function aggregate(init: AggregateInit): Aggregated {
  const { contributions, aggregation, compressed, compression, length, plain } = init
  checkAggregation(aggregation, compressed, contributions.length)
  const up = compressorOf(compressed)
  const down = compressorOf(compression)
  checkLengths(init, up)
  const values = combined(
    aggregation,
    contributions.map(({ weight }) => weight),
    length,
    (at, into) => {
      decodeContribution(up, contributions[at]!, plain, into)
    },
  )
  if (compression.kind === 'f32' && !init.residual) return { update: encodeUpdate(down, values, plain) }
  const residual = init.residual ? Float32Array.from(init.residual) : new Float32Array(length - plain)
  const update = encodeUpdate(down, values, plain, residual)
  return compression.kind === 'f32' ? { update } : { update, residual }
}

/**
 * Whether a rule can be used on updates that are compressed so, and by so many members at least. Throws
 * `aggregation.sparse`, `aggregation.trim`.
 */
export function checkAggregation(aggregation: Aggregation, compressed: Compression, members: number): void {
  if (aggregation.rule === 'mean') return
  if (isSparse(compressed))
    throw userError(
      'aggregation.sparse',
      `a ${aggregation.rule} takes dense updates: with ${compressed.kind} most members send nothing for most elements, and the middle of many zeros is zero; choose mean, or another compression`,
      { rule: aggregation.rule, compression: compressed.kind },
    )
  if (aggregation.rule === 'trimmed-mean' && members <= 2 * aggregation.trim)
    throw userError(
      'aggregation.trim',
      `a trimmed mean that leaves ${aggregation.trim} out on either side takes ${2 * aggregation.trim + 1} members or more, found ${members}; trim less, or have more workers`,
      { trim: aggregation.trim, members },
    )
}

/** Before anything is set aside for it: a few bytes must not ask for gigabytes. */
function checkLengths({ contributions, length, plain, residual }: AggregateInit, compressor: Compressor): void {
  const compressed = length - plain
  const isResidual = residual === undefined || residual.length === compressed
  if (!(compressed >= 0 && length <= limit('sliceElements') && isResidual))
    throw peerError(
      'update.length',
      `expected a slice of at most ${limit('sliceElements')} elements, no more of them statistics, and as much left over as is compressed; found ${length}, ${plain} statistics, ${residual?.length ?? 'nothing'} left over`,
      { length, plain },
    )
  const least = compressor.leastBytes(compressed) + 4 * plain
  for (const { member, bytes } of contributions)
    if (bytes.byteLength < least)
      throw peerError(
        'update.contribution',
        `member ${member}: expected ${least} bytes or more of ${length} values by ${compressor.compression.kind}, found ${bytes.byteLength}`,
        { member, cause: 'update.malformed' },
      )
}

function combined(
  aggregation: Aggregation,
  weights: readonly number[],
  length: number,
  decode: (at: number, into: Float32Array) => void,
): Float32Array {
  if (aggregation.rule === 'mean') return meanOf(weights, length, decode)
  const all = weights.map((_, at) => {
    const values = new Float32Array(length)
    decode(at, values)
    return values
  })
  switch (aggregation.rule) {
    case 'trimmed-mean':
      return trimmedMeanOf(all, aggregation.trim)
    case 'median':
      return medianOf(all)
    default:
      return assertNever(aggregation)
  }
}

function decodeContribution(
  compressor: Compressor,
  { member, bytes }: AggregateInit['contributions'][number],
  plain: number,
  into: Float32Array,
): void {
  try {
    decodeUpdate(compressor, bytes, plain, into)
    if (!(largestOf(into) <= LARGEST_GIVEN))
      throw peerError('update.not-finite', 'expected values up to 2^100; the training that made it has diverged')
  } catch (error) {
    const { code, message } = toAividaError(error)
    throw peerError('update.contribution', `member ${member}: ${message}`, { member, cause: code })
  }
}
