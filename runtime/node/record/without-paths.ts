import { basename } from 'node:path'
import type { JobRecordDocument } from '../../protocol/index.ts'

/** A record with the names of files alone: whoever is given it learns nothing of this machine's folders. */
export function withoutPaths(record: JobRecordDocument): JobRecordDocument {
  const short = (value: unknown): unknown => {
    if (typeof value === 'string') return withoutFolder(value)
    if (Array.isArray(value)) return value.map(short)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, key === 'script' ? each : short(each)]))
  }
  return { ...record, request: short(record.request) as JobRecordDocument['request'] }
}

/** The last name of a path, of whichever system; what is no path stays as it is. */
export function withoutFolder(path: string): string {
  return path.includes('/') || path.includes('\\') ? basename(path.replaceAll('\\', '/')) : path
}
