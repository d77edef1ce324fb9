import { readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { inspect } from 'node:util'
import { userError } from '../../runtime/base/errors.ts'
import { type ArchiveFile, tarOf } from '../../runtime/data/archive/index.ts'
import { readPart } from '../../runtime/data/sources/parts.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { JobHandle } from '../../runtime/node/control/job-handle.ts'
import { reportOf } from '../../runtime/node/record/report/index.ts'
import { withoutPaths } from '../../runtime/node/record/without-paths.ts'
import { RESULT_FILES } from '../../runtime/node/sharing/result-files.ts'
import { accountIdSchema } from '../../runtime/protocol/index.ts'
import { currentCell } from '../cell.ts'
import { writeGiven } from './given-file.ts'

/** Lets the nodes of an account read a job; gives its reference; see `Job.share`. Throws `share.account`. */
export async function shareWith(client: Client, job: string, account: string): Promise<string> {
  await client.job(job).share(accountOf(account))
  await warnOfStranger(client, account)
  return `${job}@${(await client.info()).peer}`
}

/** What was given for an account. Throws `share.account` for what cannot be one. */
export function accountOf(given: string): string {
  if (accountIdSchema.safeParse(given).success) return given
  throw userError(
    'share.account',
    `expected an account, as npx aivida status shows it on its machine (ac_ and 32 to 44 characters), found ${inspect(given)}`,
  )
}

/** Who is of it may join later, so that this is no error; more often it is a mistake. */
async function warnOfStranger(client: Client, account: string): Promise<void> {
  const accounts = (await client.members()).map((member) => member.account)
  if (accounts.includes(account)) return
  const text = `No member of this cluster is of ${account}: nobody reads the job until one is. unshare takes it back.\n`
  currentCell()?.put({ type: 'stream', name: 'stderr', text })
}

/** Writes what others may have of a job; see `Job.share`. Throws `share.file`. */
export async function shareJob(handle: JobHandle, file: string): Promise<string> {
  const kind = extname(String(file)).toLowerCase()
  if (kind !== '.html' && kind !== '.tar')
    throw userError(
      'share.file',
      `expected a file that ends in .html (the report) or .tar (with results and model), or an account (ac_...), found ${file}`,
    )
  const [record, { outputDir }, parts] = [await handle.record(), await handle.status(), await handle.parts()]
  const paths = new Map(parts.map((part) => [part.index, part.file]))
  const page = await reportOf(withoutPaths(record), (part) => readPart(paths.get(part.index) ?? part.file))
  const report = Buffer.from(page)
  if (kind === '.html') return writeGiven(file, [report])
  const files: ArchiveFile[] = [{ name: 'report.html', sizeBytes: report.byteLength, content: () => [report] }]
  const named = RESULT_FILES.map((name) => ({ name, path: join(outputDir, name) }))
  const rows = parts.filter((part) => part.rows > 0).map((part) => ({ name: basename(part.file), path: part.file }))
  for (const { name, path } of [...named, ...rows]) {
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes) files.push({ name, sizeBytes: bytes.byteLength, content: () => [bytes] })
  }
  return writeGiven(file, tarOf(files))
}
