import type { Command } from 'commander'
import { userError } from '../../base/index.ts'
import { accountIdSchema } from '../../protocol/index.ts'
import type { Cli, Session } from '../cli.ts'
import { formatCount, formatDuration, formatTable } from '../figures.ts'

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

/** `jobs --shared`: what other nodes let this one read. */
export async function listShared(session: Session): Promise<void> {
  const jobs = await (await session.client()).shared(session.request)
  session.print(jobs, () =>
    formatTable(
      ['JOB', 'NAME', 'STATE', 'ROWS', 'AT', 'ACCOUNT', 'AGE'],
      jobs.map(({ job, name, state, rows, sharedBy, account, createdWallMs }) => [
        job,
        name,
        state,
        formatCount(rows.done),
        sharedBy?.name || sharedBy?.node || '-',
        account,
        formatDuration(session.io.clock.wallMs() - createdWallMs),
      ]),
    ),
  )
}
