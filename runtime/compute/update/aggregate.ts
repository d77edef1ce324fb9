import { assertNever, peerError, toAividaError, userError } from '../../base/index.ts'
import type { Aggregation, Compression } from '../../protocol/index.ts'
import type { Compressor } from './compressor.ts'
import { compressorOf, isSparse } from './compressors.ts'
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

/** What contributions became. */
export interface Aggregated {
  readonly update: Uint8Array
  /** What compression left over, `length - plain` elements; absent where nothing is lost (`f32`). */
  readonly residual?: Float32Array
}

/**
 * Contributions decoded, brought together by the rule, compressed again. The same bytes on every machine: f32, rounded after
 * each operation, in the order of the contributions. Throws `update.contribution`, naming the member, for one that is
 * malformed or not finite; `aggregation.trim`, `aggregation.sparse`, `compression.*`.
 */
export function aggregate(init: AggregateInit): Aggregated {
  const { contributions, aggregation, compressed, compression, length, plain } = init
  checkAggregation(aggregation, compressed, contributions.length)
  const up = compressorOf(compressed)
  const down = compressorOf(compression)
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
  } catch (error) {
    const { code, message } = toAividaError(error)
    throw peerError('update.contribution', `member ${member}: ${message}`, { member, cause: code })
  }
}
