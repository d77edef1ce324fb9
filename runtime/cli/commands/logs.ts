import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { userError } from '../../base/index.ts'
import { dataFolder } from '../../node/data-folder.ts'
import { type Cli, parseCount, type Session } from '../cli.ts'

/** `logs`: what the background node wrote. */
export function logsCommand(cli: Cli): void {
  cli
    .command({ usage: 'logs', description: "show the background node's log", action: logs })
    .option('-f, --follow', 'go on with new lines as they come')
    .option('-n, --lines <count>', 'how many of the last lines', parseCount, 50)
}

async function logs({ config, io, json, options }: Session): Promise<void> {
  const { LOG_FILE, plainLine } = await import('../../base/logging.ts')
  const { followFile, lastLines } = await import('../file-tail.ts')
  const path = join(dataFolder(config.dataDir).logs, LOG_FILE)
  if (!existsSync(path))
    throw userError('logs.none', `expected a log at ${path}, found none: no node has run in the background here`, {
      remedy: 'aivida up',
    })
  const show = (line: string) => io.out(json ? `${line}\n` : plainLine(line))
  const { lines, position } = await lastLines(path, options.lines)
  for (const line of lines) show(line)
  if (options.follow) for await (const line of followFile(path, position, io.clock, io.signal)) show(line)
}
