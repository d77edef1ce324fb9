import { z } from 'zod'
import { AividaError, codec, type Digest, isAividaError, limit, sha256All } from '../../base/index.ts'
import { checkTensors } from './check.ts'
import { DTYPES, type DType, type NamedTensors, type Tensor } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

/**
 * Where a tensor becomes bytes. What travels is
 *
 *     'AvTn' | u32 header length | header | zeros | data of each tensor, each followed by zeros up to a multiple of 64
 *
 * The header is ours and bounded, since the metadata of an Arrow message costs seconds and gigabytes when a peer has
 * altered it. The data region is the values buffer of an Arrow Binary column, so {@link ./arrow.ts} makes a record
 * batch of the same memory. Each tensor begins at a multiple of 64 bytes, as Arrow recommends: an engine reads it in
 * place, and adds its sums in the same order everywhere. Tensors stand in the order of their names: equal tensors give
 * equal bytes.
 */
const headerCodec = codec({
  name: 'tensors',
  maxBytes: limit('tensorHeaderBytes'),
  schema: z.object({
    tensors: z
      .array(
        z.object({
          name: z.string().max(limit('tensorNameCharacters')),
          dtype: z.enum(Object.keys(DTYPES) as [DType, ...DType[]]),
          shape: z.array(z.number().int().nonnegative()).max(limit('tensorRank')),
          sizeBytes: z.number().int().nonnegative(),
        }),
      )
      .max(limit('tensorsPerMessage')),
  }),
})

const MAGIC = Buffer.from('AvTn')
const PREFIX_BYTES = 8
const ALIGNMENT_BYTES = 64

/**
 * Tensors as bytes, in pieces to be sent or stored one after the other. The data of the tensors is not copied: it must
 * not change before the pieces were used. Throws what `checkTensors` throws, and `tensor.limit`.
 */
export function encodeTensors(tensors: NamedTensors): Uint8Array[] {
  checkTensors(tensors)
  const entries = inNameOrder(tensors)
  const header = headerCodec.encode({
    tensors: entries.map(([name, { dtype, shape, data }]) => ({
      name,
      dtype,
      shape: [...shape],
      sizeBytes: data.byteLength,
    })),
  })
  if (header.byteLength > limit('tensorHeaderBytes'))
    throw tensorError(
      'limit',
      `names and shapes take ${header.byteLength} bytes, at most ${limit('tensorHeaderBytes')}`,
    )
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.set(MAGIC)
  prefix.writeUInt32LE(header.byteLength, MAGIC.length)
  return [
    prefix,
    header,
    padding(PREFIX_BYTES + header.byteLength),
    ...entries.flatMap(([, { data }]) => [data, padding(data.byteLength)]),
  ]
}

/**
 * Tensors over the memory of `bytes`, which are checked but not copied; give a start that is aligned to 16 bytes, or
 * readers copy later. Throws `tensor.malformed`, and what `checkTensor` throws, all as a peer's fault.
 */
export function decodeTensors(bytes: Uint8Array): NamedTensors {
  try {
    return decode(bytes)
  } catch (error) {
    if (!isAividaError(error)) throw error
    const code = error.code.startsWith('tensor.') ? error.code : 'tensor.malformed'
    throw new AividaError({ code, category: 'peer', message: error.message, cause: error })
  }
}

/** One name for equal tensors: the SHA-256 of their encoding. */
export function digestOfTensors(tensors: NamedTensors): Digest {
  return sha256All(encodeTensors(tensors))
}

/** Entries in the order in which they are encoded: by name, in UTF-16 code units. */
export function inNameOrder(tensors: NamedTensors): [string, Tensor][] {
  return Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Bytes with the padding that follows a tensor. */
export function paddedBytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}

function decode(bytes: Uint8Array): NamedTensors {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.byteLength < PREFIX_BYTES || !MAGIC.equals(bytes.subarray(0, MAGIC.length)))
    throw tensorError('malformed', `expected tensors, found ${bytes.byteLength} bytes that don't begin with 'AvTn'`)
  const headerBytes = view.getUint32(MAGIC.length, true)
  let at = PREFIX_BYTES
  const take = (sizeBytes: number, what: string): Uint8Array => {
    const end = paddedBytes(at + sizeBytes)
    if (end > bytes.byteLength)
      throw tensorError('malformed', `the bytes end inside ${what}: ${end} needed, ${bytes.byteLength} came`)
    const taken = bytes.subarray(at, at + sizeBytes)
    if (bytes.subarray(at + sizeBytes, end).some((byte) => byte !== 0))
      throw tensorError('malformed', `the padding after ${what} is not zero`)
    at = end
    return taken
  }
  const header = headerCodec.decode(take(headerBytes, 'the header'))
  const entries = header.tensors.map(({ name, dtype, shape, sizeBytes }, i): [string, Tensor] => {
    const previous = header.tensors[i - 1]
    if (previous && previous.name >= name)
      throw tensorError('malformed', `tensor '${name}' after '${previous.name}': expected each name once, in order`)
    return [name, { dtype, shape, data: take(sizeBytes, `tensor '${name}'`) }]
  })
  if (at !== bytes.byteLength)
    throw tensorError('malformed', `${bytes.byteLength - at} bytes more than the header announces`)
  const tensors: NamedTensors = Object.fromEntries(entries)
  checkTensors(tensors)
  return tensors
}

function padding(sizeBytes: number): Uint8Array {
  return ZEROS.subarray(0, paddedBytes(sizeBytes) - sizeBytes)
}

const ZEROS = new Uint8Array(ALIGNMENT_BYTES)
