import { z } from 'zod'
import { AividaError, limit } from '../../base/index.ts'
import { blobRefSchema, type JobRecordDocument, jobRecordSchema } from '../../protocol/index.ts'
import { type Content, scriptName, type TrainingRecord } from './contents.ts'

/** What a bundle begins with. */
export const MANIFEST_FILE = 'manifest.json'
/** Newest version of {@link bundleManifestSchema}. */
export const BUNDLE_VERSION = 1

/** The first file of a bundle, as JSON so that people can read it: the record of a training, and what else is in it. */
export const bundleManifestSchema = z.object({
  /** An unknown field is dropped, a newer version refused: as with everything that machines exchange. */
  v: z.literal(BUNDLE_VERSION),
  kind: z.literal('aivida.bundle'),
  record: jobRecordSchema,
  /** What it was made from and came to: `blobs/HASH`, unless it was left out. The hash is the root of `blobTree`. */
  contents: z
    .array(blobRefSchema.extend({ role: z.string().max(32), included: z.boolean() }))
    .max(limit('archiveFiles')),
})

/** See {@link bundleManifestSchema}. */
export type BundleManifest = z.infer<typeof bundleManifestSchema>

/** The name that a blob has in a bundle. */
export function blobFile(blob: string): string {
  return `blobs/${blob}`
}

/** The name that the file of a part has in a bundle. */
export function metricsFile({ file }: { readonly file: string }): string {
  return `metrics/${file}`
}

/** Bytes of a manifest: equal ones give equal bytes. */
export function encodeManifest(manifest: BundleManifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(sorted(manifest))}\n`)
}

/** Throws `bundle.malformed`, and `bundle.version` for one that a newer version has made. */
export function decodeManifest(bytes: Uint8Array): BundleManifest {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw malformed(`${MANIFEST_FILE} is not JSON`)
  }
  const { v } = (json ?? {}) as { v?: unknown }
  if (typeof v === 'number' && Number.isInteger(v) && v > BUNDLE_VERSION)
    throw new AividaError({
      code: 'bundle.version',
      category: 'user',
      message: `the bundle is of version ${v}; the newest known here is ${BUNDLE_VERSION}: update aivida`,
    })
  const parsed = bundleManifestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw malformed(`${MANIFEST_FILE}: ${issue?.message.slice(0, 200)} at ${issue?.path.join('.').slice(0, 200)}`)
}

/** `bundle.malformed`. */
export function malformed(why: string): AividaError {
  return new AividaError({
    code: 'bundle.malformed',
    category: 'user',
    message: `expected a bundle, as aivida jobs bundle makes it, but ${why}; copy it again, or have it made again`,
  })
}

/** The manifest of a training's bundle: nothing in it leads to the machine that it was made on. */
export function manifestOf(record: TrainingRecord, contents: readonly Content[], withData: boolean): BundleManifest {
  const isIncluded = ({ role }: Content) => withData || (role !== 'rows' && role !== 'evaluation rows')
  return {
    v: BUNDLE_VERSION,
    kind: 'aivida.bundle',
    record: withoutPaths(record),
    contents: contents.map((content) => ({
      blob: content.blob,
      sizeBytes: content.sizeBytes,
      role: content.role,
      included: isIncluded(content),
    })),
  }
}

/** The record with the names of files in the bundle where paths were; of failures and of who was left out the codes alone: messages name paths. */
function withoutPaths(record: TrainingRecord): JobRecordDocument {
  const { request, model, training, failure } = record
  const { outputDir, evaluation, rounds, frozen, script, ...rest } = request
  const at = ({ blob }: { readonly blob: string }) => blobFile(blob)
  return {
    ...record,
    ...(failure && { failure: { code: failure.code, message: '' } }),
    parts: record.parts.map(({ round, ...part }) => ({
      ...part,
      ...(round && { round: { ...round, excluded: round.excluded.map((each) => ({ ...each, message: '' })) } }),
    })),
    request: {
      ...rest,
      ...(script && { script: { ...script, name: scriptName(script) } }),
      model: at(model.graph),
      state: at(training.state),
      ...(frozen !== undefined && training.frozen && { frozen: at(training.frozen) }),
      data: { ...request.data, path: at(training.data.table) },
      ...(evaluation &&
        training.evaluation && {
          evaluation: {
            ...evaluation,
            model: at(training.evaluation.model.graph),
            data: { ...evaluation.data, path: at(training.evaluation.data.table) },
          },
        }),
      ...(rounds && {
        rounds: {
          ...rounds,
          ...(training.rounds?.gradient && { gradient: at(training.rounds.gradient.graph) }),
          ...(training.rounds?.update && { update: at(training.rounds.update.graph) }),
        },
      }),
    },
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, sorted(field)]))
}
