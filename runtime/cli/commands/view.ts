import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { NodeInfo } from '../../node/service.ts'
import type { ConductView, JobStatus, NetworkView, RoundsView } from '../../protocol/index.ts'
import { unitOf } from '../../protocol/unit.ts'
import { type Cli, parseCount, type Session } from '../cli.ts'
import { formatBytes, formatCount, formatDuration, formatTable } from '../figures.ts'
import { describeProgress } from '../progress.ts'
import { describeSweep } from '../sweep-progress.ts'
import { recordCommands } from './record.ts'
import { listShared, shareCommands } from './share.ts'

/** `status`, `peers`, `jobs` with what is below it, `job`, `cancel`: what a node knows, and how to stop a job or take one over. */
export function viewCommands(cli: Cli): void {
  nodeCommands(cli)
  const jobs = jobCommands(cli)
  jobsCommands(cli, jobs)
  shareCommands(cli, jobs)
  recordCommands(cli, jobs)
}

/** `status`, `peers`. */
function nodeCommands(cli: Cli): void {
  cli.command({
    usage: 'status',
    description: 'show the running node',
    async action(session) {
      const info = await (await session.client()).info(session.request)
      session.print(info, () => describeNode(info, session.io.clock.wallMs()))
    },
  })
  cli.command({
    usage: 'peers',
    description: 'list the nodes that are about (VIA -: heard of, connected when needed), and this one',
    async action(session) {
      const client = await session.client()
      const [peers, { network }] = await Promise.all([client.peers(session.request), client.info(session.request)])
      session.print(peers, () =>
        formatTable(
          ['NAME', 'STATE', 'VIA', 'ROLE', 'SLOTS', 'REFUSES US', 'MISDEEDS', 'PEER'],
          peers.map((peer) => [
            peer.self ? `${peer.name} (this)` : peer.name,
            peer.state,
            peer.carrier === 'none' ? '-' : peer.carrier,
            peer.role,
            String(peer.devices.reduce((sum, device) => sum + device.slots, 0)),
            formatReasons(peer.refusals),
            formatConduct(peer.conduct, session.io.clock.wallMs()),
            peer.peer,
          ]),
        ),
      )
      if (network.island) session.note(network.island.message)
    },
  })
}

/** `jobs`, which is given back, `job`, `cancel`. */
function jobCommands(cli: Cli): Command {
  const jobs = cli.command({
    usage: 'jobs',
    description: 'list jobs, newest first',
    async action(session) {
      if (session.options.followed) return listFollowed(session)
      if (session.options.shared) return listShared(session)
      const jobs = await (await session.client()).jobs(session.request)
      session.print(jobs, () =>
        formatTable(
          ['JOB', 'NAME', 'STATE', 'DONE', 'WORKERS', 'AGE'],
          jobs.map((job) => [
            job.job,
            job.name || '-',
            stateOf(job),
            `${formatCount(job.rows.done)}${job.rows.total === undefined ? '' : `/${formatCount(job.rows.total)}`} ${unitOf(job)}`,
            String(job.workers.length),
            formatDuration(session.io.clock.wallMs() - job.createdWallMs),
          ]),
        ),
      )
    },
  })
  jobs.option('--followed', 'instead: jobs of other nodes of the account that could be adopted here')
  jobs.option('--shared', 'instead: jobs of other nodes that may be read here')
  cli.command({
    usage: 'job <id>',
    description: 'show one job (of another node: JOB@NODE), its workers, and where its result lies',
    async action(session, [id]) {
      const status = await (await session.client()).job(id!).status(session.request)
      session.print(status, () => describeJob(status, session.io.clock.wallMs()))
    },
  })
  cli
    .command({
      usage: 'cancel <id>',
      description: 'stop a job',
      async action(session, [id]) {
        const status = await (await session.client()).job(id!).cancel(session.options.reason, session.request)
        session.print(
          status,
          status.state === 'cancelled'
            ? `${status.job} is cancelled\n`
            : `nothing to cancel: ${status.job} had ended, it is ${status.state}\n`,
        )
      },
    })
    .option('--reason <text>', 'told to the workers and kept with the job')
  return jobs
}

/** `jobs scale`, `jobs adopt`. */
function jobsCommands(cli: Cli, jobs: Command): void {
  cli.command(
    {
      usage: 'scale <id> <workers>',
      description: 'let a running job have so many workers at once, more or fewer',
      async action(session, [id, workers]) {
        const request = { workers: parseCount(workers!) }
        const status = await (await session.client()).job(id!).scale(request, session.request)
        session.print(status, `${status.job} has at most ${status.maxWorkers} workers at once from now on\n`)
      },
    },
    jobs,
  )
  cli
    .command(
      {
        usage: 'adopt <id>',
        description: 'go on here with a job of another node of the account, which may be gone; that one is fenced',
        async action(session, [id]) {
          const { input, out, force } = session.options
          const client = await session.client()
          const request = {
            ...(input !== undefined && { input: { path: resolve(session.io.cwd, input) } }),
            ...(out !== undefined && { outputDir: resolve(session.io.cwd, out) }),
            ...(force && { force: true }),
          }
          const status = await (await client.adopt(id!, request, session.request)).status(session.request)
          session.print(status, () => describeJob(status, session.io.clock.wallMs()))
        },
      },
      jobs,
    )
    .option('--input <path>', 'where the input is, when it is not where the job read it before')
    .option('--out <folder>', "folder for the result's Arrow files; default: one in the node's data folder")
    .option('--force', 'take it over even from a node that is alive')
}

/** With what it waits for, or how far it is, where workers train together. */
function stateOf({ state, rounds, sweep }: JobStatus): string {
  if (state === 'running' && sweep) return `${state}: ${describeSweep(sweep)}`
  if (state !== 'running' || !rounds) return state
  return `${state}: ${rounds.waits ?? `round ${formatCount(rounds.closed)}`}`
}

async function listFollowed(session: Session): Promise<void> {
  const followed = await (await session.client()).followed(session.request)
  session.print(followed, () => {
    if (followed.length === 0) return 'none: no job of another node of the account is followed here\n'
    return formatTable(
      ['JOB', 'NAME', 'STATE', 'DONE', 'COORDINATOR', 'IS', 'PEER'],
      followed.map(({ job, name, ended, rows, from, coordinator }) => [
        job,
        name || '-',
        ended ? 'ended' : coordinator?.state === 'alive' ? 'runs there' : 'can be adopted',
        formatCount(rows),
        coordinator?.name || '-',
        coordinator?.state ?? '-',
        from,
      ]),
    )
  })
}

/** A node for people. */
function describeNode(info: NodeInfo, nowWallMs: number): string {
  const slots = info.devices.map((device) => `${device.id} (${device.provider}, ${device.slots} slots)`)
  const lines = [
    `node      ${info.name}, ${info.role}${info.accepting ? '' : ', draining'}`,
    `peer      ${info.peer}`,
    `account   ${info.account ?? 'none'}`,
    `cluster   ${info.cluster.name} (${info.cluster.id.slice(0, 12)})`,
    `network   ${describeNetwork(info.network)}`,
    `devices   ${slots.join(', ') || 'none'}`,
    `disk      ${formatBytes(info.disk.usedBytes)} of ${formatBytes(info.disk.budgetBytes)}, ${formatBytes(info.disk.freeBytes)} free`,
    `load      ${Math.round(info.load.cpu * 100)} % of a core, ${formatBytes(info.load.rssBytes)}, event loop p99 ${info.load.loopDelayP99Ms.toFixed(1)} ms`,
    `addresses ${info.addresses.join('\n          ') || 'none'}`,
    `process   ${info.pid}, version ${info.version}, up ${formatDuration(nowWallMs - info.startedWallMs)}`,
    `folder    ${info.dataDir}`,
    ...info.warnings.map((warning) => `warning   ${warning}`),
  ]
  return `${lines.join('\n')}\n`
}

/** How the swarm looks from a node, in one line. */
function describeNetwork({ reachable, known, connected, carrier, missing, clockSkewMs, seeds }: NetworkView): string {
  const failed = seeds.filter(({ lastError }) => lastError).length
  const parts = [
    `${reachable} of ${known} other members reachable, ${connected} connected${carrier ? ` by ${carrier}` : ''}`,
    missing.length > 0 &&
      `${missing.length} missing (${missing.slice(0, 3).map(({ name, peer }) => name || peer.slice(-8))}${missing.length > 3 ? ', ...' : ''})`,
    failed > 0 && `${failed} of ${seeds.length} seed addresses fail`,
    clockSkewMs !== undefined && describeSkew(clockSkewMs),
  ]
  return parts.filter((part) => part !== false).join('; ')
}

function describeSkew(skewMs: number): string {
  return `clock ${(Math.abs(skewMs) / 1_000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead'}`
}

/** A job for people. */
export function describeJob(status: JobStatus, nowWallMs: number): string {
  const elapsedMs = (status.finishedWallMs ?? nowWallMs) - status.createdWallMs
  const { sent, received } = status.bytes
  const lines = [
    `job      ${status.job} (${[status.name, status.program].filter((part) => part !== '').join(', ')})`,
    `state    ${status.state}: ${describeProgress(status, elapsedMs)}`,
    `shards   ${Object.entries(status.shards)
      .map(([what, count]) => `${count} ${what === 'writing' ? 'being written' : what}`)
      .join(', ')}`,
    ...(status.sweep ? [`trials   ${describeSweep(status.sweep)}`] : []),
    ...(status.rounds ? describeRounds(status.rounds, status.workers) : []),
    `moved    ${formatBytes(sent)} out, ${formatBytes(received)} in, through this node`,
    `result   ${status.outputDir}`,
  ]
  if (status.sharedBy)
    lines.push(`read     at ${status.sharedBy.name || 'its node'} (${status.sharedBy.node}), of ${status.account}`)
  if (status.sharedWith) lines.push(`shared   with ${status.sharedWith.join(', ')}`)
  if (status.adoption) lines.push(`adopted  by ${status.adoption.by}, from ${status.adoption.from}`)
  if (status.error) lines.push(`error    ${status.error.code}: ${status.error.message}`)
  const workers = status.workers.map((worker) => [
    worker.name,
    worker.state,
    formatCount(worker.rows),
    String(worker.shards),
    formatDuration(worker.computeMs),
  ])
  const table =
    workers.length === 0
      ? ''
      : `\n${formatTable(['WORKER', 'STATE', unitOf(status).toUpperCase(), 'SHARDS', 'COMPUTE'], workers)}`
  return `${lines.join('\n')}\n${table}`
}

function describeRounds({ closed, members, waits, sync }: RoundsView, workers: JobStatus['workers']): string[] {
  const names = members.map((peer) => workers.find((worker) => worker.peer === peer)?.name || peer.slice(-8))
  const open = names.length > 0 ? `, one is open with ${names.sort().join(', ')}` : ''
  return [
    `rounds   ${formatCount(closed)} closed${open}${waits === undefined ? '' : `; ${waits}`}`,
    ...(sync === undefined ? [] : [`sync     ${sync}`]),
  ]
}

function formatReasons(refusals: Readonly<Partial<Record<string, number>>>): string {
  return (
    Object.entries(refusals)
      .map(([reason, count]) => `${reason} x${count}`)
      .join(', ') || '-'
  )
}

function formatConduct(conduct: ConductView | undefined, nowWallMs: number): string {
  if (!conduct) return '-'
  const { code, count, gatedUntilWallMs } = conduct
  const gated = gatedUntilWallMs === undefined ? '' : `, out for ${formatDuration(gatedUntilWallMs - nowWallMs)}`
  return `${code} x${count}${gated}`
}
