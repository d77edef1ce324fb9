import { cp } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { userError } from '../../base/index.ts'
import { unitOf } from '../../protocol/unit.ts'
import type { Cli, Session } from '../cli.ts'
import { formatBytes, formatCount, formatDuration, formatTable } from '../figures.ts'

/** `jobs share`: who may read a job of this node. */
export function shareCommands(cli: Cli, jobs: Command): void {
  cli
    .command(
      {
        usage: 'share <id> [account]',
        description: 'let the nodes of an account read a job: status, record, results, model; alone: who may',
        action: share,
      },
      jobs,
    )
    .option('--revoke', 'let them read it no longer; what they have fetched stays theirs')
  cli
    .command(
      {
        usage: 'fetch <id>',
        description: "bring the result of another node's job here: parts and, once it has ended, model and states",
        action: fetch,
      },
      jobs,
    )
    .option('--out <folder>', 'copy it there; default: it stays where the node keeps it')
}

async function share(session: Session, [id, account]: readonly string[]): Promise<void> {
  const client = await session.client()
  const job = client.job(id!)
  if (account === undefined) {
    const { account: owner, sharedWith = [] } = await job.status(session.request)
    const accounts = [owner, ...sharedWith]
    session.print({ job: id, accounts }, `${accounts.join('\n')}\n`)
    return
  }
  const { accountIdSchema } = await import('../../protocol/index.ts')
  if (!accountIdSchema.safeParse(account).success)
    throw userError(
      'usage.account',
      `expected an account such as ac_..., found ${account}; aivida status names it there`,
    )
  if (session.options.revoke) {
    const status = await job.unshare(account, session.request)
    session.print(status, `${status.job} can be read by ${account} no longer; what was fetched before stays there\n`)
    return
  }
  const status = await job.share(account, session.request)
  const reference = `${status.job}@${(await client.info(session.request)).peer}`
  session.print(
    { ...status, reference },
    `${account} may read ${status.job}: aivida job ${reference}, or await cluster.job('${reference}')\n`,
  )
}

async function fetch(session: Session, [id]: readonly string[]): Promise<void> {
  const { io, options, request } = session
  const job = (await session.client()).job(id!)
  const fetched = await job.fetch({
    ...request,
    onProgress: ({ isWhole, files, bytes }) => {
      if (!isWhole)
        session.note(`${files.done} of ${files.total} files, ${formatBytes(bytes.done)} of ${formatBytes(bytes.total)}`)
    },
  })
  const folder = options.out === undefined ? fetched.folder : resolve(io.cwd, options.out)
  if (folder !== fetched.folder) await cp(fetched.folder, folder, { recursive: true })
  session.print({ ...fetched, folder }, `${folder}\n`)
}

/** `jobs --shared`: what other nodes let this one read. */
export async function listShared(session: Session): Promise<void> {
  const jobs = await (await session.client()).shared(session.request)
  session.print(jobs, () =>
    formatTable(
      ['JOB', 'NAME', 'STATE', 'DONE', 'AT', 'ACCOUNT', 'AGE'],
      jobs.map(({ job, name, state, program, rows, sharedBy, account, createdWallMs }) => [
        job,
        name,
        state,
        `${formatCount(rows.done)} ${unitOf({ program })}`,
        sharedBy?.name || sharedBy?.node || '-',
        account,
        formatDuration(session.io.clock.wallMs() - createdWallMs),
      ]),
    ),
  )
}
