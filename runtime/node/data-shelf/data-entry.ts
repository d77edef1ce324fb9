import { z } from 'zod'
import { limit } from '../../base/index.ts'
import type { WrittenElsewhere } from '../../data/blob/index.ts'
import { countSchema, digestSchema, errorRecordSchema } from '../../protocol/index.ts'

/** How data are called: what a file may be called on any system. */
export const dataNameSchema = z
  .string()
  .max(100)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, dots, dashes and underscores')

/** What is to be kept, and how long. */
export const addDataSchema = z
  .object({
    source: z
      .string()
      .min(1)
      .max(16_384)
      .describe('an absolute path, or an http or https address, which may be signed'),
    name: dataNameSchema.optional().describe("default: the file's"),
    keepMs: countSchema.min(1_000).max(limit('dataKeepMs')).optional().describe('ms; absent: until it is removed'),
    sha256: digestSchema.optional().describe('what the bytes must hash to'),
  })
  .strict()

/** Bytes that a client sends, what they are called, and how long they are kept. */
export type PutDataRequest = Pick<AddDataRequest, 'keepMs'> & {
  /** What they are called; a name that other bytes have is taken. */
  readonly name: string
}

/** See {@link addDataSchema}. */
export type AddDataRequest = z.input<typeof addDataSchema>

/** Data that a node keeps, or is bringing. */
export const dataEntrySchema = z.object({
  name: z.string(),
  /** Where it came from; never the signed part of an address. */
  source: z.string(),
  state: z.enum(['arriving', 'here', 'failed']),
  receivedBytes: countSchema,
  sizeBytes: countSchema.optional(),
  /** The blob that it is: equal bytes, equal blob. */
  blob: digestSchema.optional(),
  /** Where it can be read, by jobs too. Not to be written to. */
  path: z.string().optional(),
  addedWallMs: countSchema,
  /** When it is let go; absent: never. */
  untilWallMs: countSchema.optional(),
  /** Why it failed. */
  error: errorRecordSchema.optional(),
})

/** See {@link dataEntrySchema}. */
export type DataEntry = z.infer<typeof dataEntrySchema>

/** Where the operator's data are kept: see `DataShelf`. */
export interface DataKeeper {
  /**
   * Begins to bring data here, and answers at once; `list` tells how far it is. Throws `data.not-found`, `data.name`,
   * `data.name-taken`, `data.busy`, `data.full`, `remote.address`.
   */
  add(request: AddDataRequest): Promise<DataEntry>
  /**
   * Keeps bytes as they come, or as they are written into a file that is made for them; resolves when they are here. Throws
   * `data.name-taken`, `data.busy`, `data.full`, `disk.*`, `blob.*`, `aborted`; nothing is left of them then.
   */
  put(
    request: PutDataRequest,
    content: AsyncIterable<Uint8Array> | WrittenElsewhere,
    signal: AbortSignal,
  ): Promise<DataEntry>
  /** All that is kept, arriving, or has failed to arrive, by name. */
  list(): Promise<readonly DataEntry[]>
  /** Lets data go, or calls their arrival off. Throws `data.unknown`. */
  remove(name: string): Promise<void>
}
