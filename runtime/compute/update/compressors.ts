import { userError } from '../../base/errors.ts'
import type { Compression } from '../../protocol/index.ts'
import { type BlockCode, blockCompressor } from './block-codes.ts'
import type { Compressor } from './compressor.ts'
import { entropyCompressor } from './entropy-codes.ts'
import { int4, int8 } from './integer-codes.ts'
import { lloydMax, sign } from './level-codes.ts'
import { topK } from './top-k.ts'
import { uncompressed } from './uncompressed.ts'

/** Elements of a chunk that top-k chooses from; slices are cut at its multiples, so that no chunk is shorter than it must be. */
export const CHUNK = 4_096

/** Of the elements, what `topk` keeps unless told. */
const SHARE = 0.03

/** Root mean squares of a step of `ec`, unless told: about 1.1 bits for changes of weights. */
const STEP = 1.8

/** How a compression of this kind is made. */
const KINDS: ReadonlyMap<string, (compression: Compression) => Compressor> = new Map([
  ['f32', () => uncompressed],
  ['i8', blocks(int8, 256)],
  ['i4', blocks(int4, 64)],
  ['q2', blocks(lloydMax, 128)],
  ['s1', blocks(sign, 256)],
  ['ec', (compression) => entropyCompressor(compression, blockOf(compression, 1_024), compression.step ?? STEP)],
  ['topk', (compression) => topK(compression, blockOf(compression, CHUNK), compression.share ?? SHARE)],
])

/** Names of the kinds of compression that this node knows. */
export const COMPRESSIONS: readonly string[] = [...KINDS.keys()]

/** Up to this step less than a third of the codes of `ec` are zeros. */
const DENSE_STEP = 0.5

/** Whether what it makes of an update is zeros for a large part. */
export function isSparse({ kind, step = STEP }: Compression): boolean {
  return kind === 'topk' || (kind === 'ec' && step > DENSE_STEP)
}

/**
 * The compressor of a name: `f32`; `i8` and `i4`, whole numbers by the largest of a block (256, 64); `q2`, four levels by
 * the root mean square (128); `s1`, signs by the mean magnitude (256); `ec`, whole numbers of
 * `step` (1.8) root mean squares (1,024) in as many bits as they are rare; `topk`, the `share` (0.03) of each 4,096. Throws
 * `compression.unknown`, `compression.block`.
 */
export function compressorOf(compression: Compression): Compressor {
  const made = KINDS.get(compression.kind)
  if (made) return made(compression)
  throw userError(
    'compression.unknown',
    `expected one of ${COMPRESSIONS.join(', ')} as the compression of updates, found ${compression.kind}; choose one of them, or update this node`,
    { kind: compression.kind, known: COMPRESSIONS },
  )
}

function blocks(code: BlockCode, usual: number): (compression: Compression) => Compressor {
  return (compression) => blockCompressor(code, compression, blockOf(compression, usual))
}

function blockOf({ kind, block }: Compression, usual: number): number {
  const size = block ?? usual
  if (size % 8 === 0) return size
  throw userError(
    'compression.block',
    `expected a multiple of 8 as the block of ${kind}, found ${size}; leave it out for ${usual}`,
    { kind, block: size },
  )
}
