import { zstdDecompressSync } from 'node:zlib'
import { CompressionType, compressionRegistry, type RecordBatch, RecordBatchReader, type Schema } from 'apache-arrow'
import { limit } from '../../base/index.ts'
import { fileMessages, readFooter, schemaMessage, streamMessages } from './arrow-messages.ts'
import type { ByteSource } from './byte-source.ts'
import { malformed } from './refusals.ts'

/** Where a record batch lies. */
export interface BatchAddress {
  readonly at: number
  readonly sizeBytes: number
  readonly firstRow: number
  readonly rows: number
}

/** The record batches of Arrow IPC bytes, read one at a time. */
export interface ArrowBatches {
  readonly schema: Schema
  readonly rows: number
  readonly addresses: readonly BatchAddress[]
  /** Throws `source.malformed`. */
  read(address: BatchAddress): Promise<RecordBatch>
}

/**
 * Finds the record batches of an Arrow IPC file or stream, and how many rows each has, without reading their data.
 * Throws `source.malformed`.
 */
export async function arrowBatches(bytes: ByteSource): Promise<ArrowBatches> {
  const footer = await readFooter(bytes)
  let schema = footer?.schema
  const prologue = schema ? [schemaMessage(schema)] : [] // and dictionaries: what is read before a record batch
  const addresses: BatchAddress[] = []
  let prologueBytes = 0
  let rows = 0
  for await (const { at, sizeBytes, message } of footer ? fileMessages(bytes, footer) : streamMessages(bytes)) {
    if (message.isSchema()) schema ??= message.header()
    if (!message.isRecordBatch()) {
      prologueBytes += sizeBytes
      if (prologueBytes > bytes.sizeBytes)
        throw malformed(bytes.name, 'its footer names the same dictionary again and again')
      prologue.push(await bytes.read(at, sizeBytes))
      continue
    }
    const header = message.header()
    if (header.compression && !compressionRegistry.get(header.compression.type))
      throw malformed(bytes.name, 'it is compressed by LZ4; write it uncompressed or by Zstandard (compression="zstd")')
    addresses.push({ at, sizeBytes, firstRow: rows, rows: header.length })
    rows += header.length
    if (addresses.length > limit('recordBatches'))
      throw malformed(bytes.name, `it has more than ${limit('recordBatches')} record batches; write larger ones`)
  }
  if (!schema) throw malformed(bytes.name, 'expected Arrow IPC (a file or a stream), found no schema')
  return {
    schema,
    rows,
    addresses,
    async read({ at, sizeBytes }) {
      try {
        return RecordBatchReader.from([...prologue, await bytes.read(at, sizeBytes)]).next().value
      } catch (error) {
        throw malformed(bytes.name, `the record batch at byte ${at} is damaged`, error)
      }
    },
  }
}

if (!compressionRegistry.get(CompressionType.ZSTD))
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (frame) => zstdDecompressSync(frame, { maxOutputLength: limit('recordBatchBytes') }),
  })
