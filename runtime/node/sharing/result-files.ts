import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { limit } from '../../base/index.ts'
import type { JobStatus, ResultPart } from '../../protocol/index.ts'
import { MODEL_FILE } from '../jobs/model-file.ts'
import { TRIALS_FILE } from '../jobs/trials-file.ts'
import { withoutFolder } from '../record/without-paths.ts'

/** What a job leaves in its output folder beside its parts, once it has ended; which of them follows from its program. */
export const RESULT_FILES = [
  MODEL_FILE,
  `${MODEL_FILE}.data`,
  'best.safetensors',
  'last.safetensors',
  TRIALS_FILE,
] as const

/** A file of a result. */
export interface ResultFile {
  /** Without its folder. */
  readonly name: string
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** Where the files of a result lie, by name: its parts that hold rows and, once it has ended, what else it may have left. Nothing else is a file of it. */
export function resultPaths(
  { state, outputDir }: JobStatus,
  parts: readonly ResultPart[],
): ReadonlyMap<string, string> {
  const files = parts.filter(({ rows }) => rows > 0).map(({ file }) => file)
  const named = [...(state === 'running' ? [] : RESULT_FILES), ...files].slice(0, limit('archiveFiles'))
  return new Map(named.map((file) => [withoutFolder(file), resolve(outputDir, file)]))
}

/** A file of a result, if it is there. */
export async function resultFile(name: string, path: string | undefined): Promise<ResultFile | undefined> {
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
  return path !== undefined && found?.isFile()
    ? { name, path, sizeBytes: found.size, modifiedMs: found.mtimeMs }
    : undefined
}
