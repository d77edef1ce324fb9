import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { userError } from '../../runtime/base/errors.ts'
import { writeWhole } from '../../runtime/base/whole-file.ts'
import { type ArchiveFile, tarOf } from '../../runtime/data/archive/index.ts'
import { readPart } from '../../runtime/data/sources/parts.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import { reportOf } from '../../runtime/node/record/report/index.ts'
import { withoutPaths } from '../../runtime/node/record/without-paths.ts'
import { RESULT_FILES } from '../../runtime/node/sharing/result-files.ts'

/** Lets the nodes of an account read a job; gives its reference; see `Job.share`. */
export async function shareWith(client: Client, job: string, account: string): Promise<string> {
  await client.job(job).share(account)
  return `${job}@${(await client.info()).peer}`
}

/** Writes what others may have of a job; see `Job.share`. Throws `share.file`. */
export async function shareJob(handle: JobHandle, file: string): Promise<string> {
  const kind = extname(file).toLowerCase()
  if (kind !== '.html' && kind !== '.tar')
    throw userError(
      'share.file',
      `expected a file that ends in .html (the report) or .tar (with results and model), or an account (ac_...), found ${file}`,
    )
  const [record, { outputDir }, parts] = [await handle.record(), await handle.status(), await handle.parts()]
  const paths = new Map(parts.map((part) => [part.index, part.file]))
  const page = await reportOf(withoutPaths(record), (part) => readPart(paths.get(part.index) ?? part.file))
  const report = Buffer.from(page)
  if (kind === '.html') return (await writeWhole(file, [report])).path
  const files: ArchiveFile[] = [{ name: 'report.html', sizeBytes: report.byteLength, content: () => [report] }]
  const named = RESULT_FILES.map((name) => ({ name, path: join(outputDir, name) }))
  const rows = parts.filter((part) => part.rows > 0).map((part) => ({ name: basename(part.file), path: part.file }))
  for (const { name, path } of [...named, ...rows]) {
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes) files.push({ name, sizeBytes: bytes.byteLength, content: () => [bytes] })
  }
  return (await writeWhole(file, tarOf(files))).path
}
