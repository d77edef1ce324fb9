import { dataFolder } from '../../node/data-folder.ts'
import type { NodeInfo } from '../../node/service.ts'
import type { Cli, Session } from '../cli.ts'
import { formatDuration } from '../figures.ts'
import { withDoctor } from './doctor.ts'

/** `up`, `stop` and `node`: a node in the background, its end, and a node in the foreground. */
export function daemonCommands(cli: Cli): void {
  cli.command({
    usage: 'up',
    description: 'start a node in the background and wait until it takes work',
    config: 'node',
    action: (session) => withDoctor(session, () => up(session)),
  })
  cli
    .command({
      usage: 'stop',
      description: 'end work in progress, then stop the node',
      async action(session) {
        const { stopDaemon } = await import('../daemon.ts')
        const client = await session.client()
        const info = await client.info(session.request)
        await stopDaemon(session, client, info)
        session.print({ stopped: info.pid }, `the node (pid ${info.pid}) has stopped\n`)
      },
    })
    .alias('down')
  cli
    .command({
      usage: 'node',
      description: 'run a node in the foreground until SIGTERM or Ctrl-C',
      config: 'node',
      action: runNode,
    })
    .option('--background', 'log to a file, not to the terminal')
}

/** Starts the daemon, in a cluster of its own when it has none; a node that runs already is fine too. */
export async function up(session: Session): Promise<void> {
  const { findNode, startDaemon } = await import('../daemon.ts')
  const running = await findNode(await session.client(), session)
  if (running) return runsAlready(session, running)
  await ensureCluster(session)
  session.note('starting ...')
  const { info, readyMs } = await startDaemon(session)
  for (const warning of info.warnings) session.note(`warning: ${warning}`)
  session.print(
    { ...info, started: true, readyMs },
    `node ${info.name} of cluster ${info.cluster.name} is ready after ${formatDuration(readyMs)} (pid ${info.pid})\n` +
      `data ${info.dataDir}, logs ${dataFolder(info.dataDir).logs}\n`,
  )
}

/** Says that there is nothing to start, and what of the command was not used for that. */
export function runsAlready(session: Session, running: NodeInfo, { ticket = false } = {}): void {
  const flags = session.startFlags
  const unused = [...(ticket ? ['TICKET'] : []), ...flags]
  session.print({ ...running, started: false, unused }, `node ${running.name} runs already (pid ${running.pid})\n`)
  if (ticket) session.note(`the ticket was not used: this node is a member of ${running.cluster.name} already`)
  if (flags.length > 0)
    session.note(`not used: ${flags.join(', ')}; flags take effect at the next start, after: aivida stop`)
}

async function runNode(session: Session): Promise<void> {
  const { config, io, options } = session
  const { fileLogger, plainLogger } = await import('../../base/logging.ts')
  await ensureCluster(session)
  const logger = options.background
    ? fileLogger(dataFolder(config.dataDir).logs, { level: config.logLevel })
    : plainLogger(io.err, { level: config.logLevel })
  const { startNode } = await import('../../node/node.ts')
  const node = await startNode(config, { logger })
  const asked = Promise.withResolvers<void>()
  io.signal.addEventListener('abort', () => asked.resolve(), { once: true })
  if (process.send) process.once('disconnect', () => asked.resolve()) // whoever started us is gone
  await Promise.race([node.ended, asked.promise])
  logger.info({}, 'stopping')
  await node.service.drain()
  await node.stop()
  logger.close()
}

async function ensureCluster(session: Session): Promise<void> {
  const { findCluster, initCluster } = await import('../cluster.ts')
  if (await findCluster(session.config)) return
  const { name } = await initCluster(session.config, {})
  session.note(`no cluster yet: founded ${name}, with this node alone; let others in with: aivida invite`)
}
