import { z } from 'zod'
import { AividaError, limit } from '../../base/index.ts'
import { elementCount } from './check.ts'
import { DTYPES, type DType } from './tensor.ts'
import { tensorError } from './tensor-error.ts'

/**
 * Named tensors as a file that other tools read: what a checkpoint is. The format is Hugging Face's safetensors
 * (https://github.com/huggingface/safetensors, "Format"):
 *
 *     u64 header length | JSON: name -> { dtype, shape, data_offsets: [begin, end] } | the tensors, without gaps
 *
 * Ours are written in the order that they are given in, padded with spaces to a multiple of 8 bytes: the same state gives
 * the same bytes.
 */
const NAMES = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
  int16: 'I16',
  uint16: 'U16',
  int32: 'I32',
  uint32: 'U32',
  int64: 'I64',
  uint64: 'U64',
  bool: 'BOOL',
} as const satisfies Record<Exclude<DType, 'string'>, string>

const DTYPE_OF = new Map<string, DType>(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]))

/** A tensor of a file, and where its bytes are. */
export interface StoredTensor {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  /** From the beginning of the file. */
  readonly at: number
  readonly sizeBytes: number
}

/** Where to read a file. */
export interface SafetensorsSource {
  readonly sizeBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
}

const PREFIX_BYTES = 8
const ALIGNMENT_BYTES = 8

const headerSchema = z.record(
  z.string().max(limit('tensorNameCharacters')),
  z.object({
    dtype: z.string().max(8),
    shape: z.array(z.number().int().nonnegative()).max(limit('tensorRank')),
    data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
  }),
)

/** Length and header of a file of these tensors, whose bytes follow in this order. Throws `tensor.dtype`, `tensor.limit`. */
export function safetensorsHead(
  tensors: readonly { readonly name: string; readonly dtype: DType; readonly shape: readonly number[] }[],
): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, dtype, shape }) => {
    if (dtype === 'string')
      throw tensorError('dtype', `${name}: a safetensors file holds numbers; strings have no place in it`)
    const begin = end
    end += elementCount(shape) * DTYPES[dtype]
    return [name, { dtype: NAMES[dtype], shape, data_offsets: [begin, end] }]
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const paddedBytes = Math.ceil(json.byteLength / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
  if (paddedBytes > limit('tensorHeaderBytes'))
    throw tensorError('limit', `names and shapes take ${paddedBytes} bytes, at most ${limit('tensorHeaderBytes')}`)
  const head = Buffer.alloc(PREFIX_BYTES + paddedBytes, ' ')
  head.writeBigUInt64LE(BigInt(paddedBytes))
  head.set(json, PREFIX_BYTES)
  return head
}

/** What a file holds, in the order of its bytes. Throws `tensor.malformed` for what is none, or names bytes that it has not. */
export async function readSafetensors(file: SafetensorsSource): Promise<StoredTensor[]> {
  if (file.sizeBytes < PREFIX_BYTES) throw malformed(`it has ${file.sizeBytes} bytes`)
  const prefix = Buffer.from(await file.read(0, PREFIX_BYTES))
  const headerBytes = Number(prefix.readBigUInt64LE())
  const dataAt = PREFIX_BYTES + headerBytes
  if (headerBytes > limit('tensorHeaderBytes') || dataAt > file.sizeBytes)
    throw malformed(`a header of ${headerBytes} bytes is announced; at most ${limit('tensorHeaderBytes')} are read`)
  const tensors = headerOf(await file.read(PREFIX_BYTES, headerBytes)).sort((a, b) => a.at - b.at)
  let end = 0
  for (const { name, dtype, shape, at, sizeBytes } of tensors) {
    if (at !== end || sizeBytes !== elementCount(shape) * DTYPES[dtype])
      throw malformed(`${name}: ${dtype} [${shape}] does not take the bytes from ${at} to ${at + sizeBytes}`)
    end += sizeBytes
  }
  if (dataAt + end !== file.sizeBytes) throw malformed(`its tensors take ${end} bytes of ${file.sizeBytes - dataAt}`)
  return tensors.map((tensor) => ({ ...tensor, at: dataAt + tensor.at }))
}

function headerOf(bytes: Uint8Array): StoredTensor[] {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw malformed('its header is not JSON')
  }
  if (json !== null && typeof json === 'object') delete (json as Record<string, unknown>).__metadata__ // free text
  const header = headerSchema.safeParse(json)
  if (!header.success) throw malformed('its header does not describe tensors')
  const entries = Object.entries(header.data)
  if (entries.length > limit('tensorsPerMessage')) throw malformed(`it holds ${entries.length} tensors`)
  return entries.map(
    ([
      name,
      {
        dtype: code,
        shape,
        data_offsets: [begin, end],
      },
    ]) => {
      const dtype = DTYPE_OF.get(code)
      if (!dtype)
        throw malformed(`${name} is ${JSON.stringify(code)}, which is none of ${[...DTYPE_OF.keys()].join(', ')}`)
      return { name, dtype, shape, at: begin, sizeBytes: end - begin }
    },
  )
}

function malformed(why: string): AividaError {
  return new AividaError({
    code: 'tensor.malformed',
    category: 'user',
    message: `expected a safetensors file, but ${why}; write it again`,
  })
}
