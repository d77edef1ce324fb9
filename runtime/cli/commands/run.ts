import { once } from 'node:events'
import { resolve } from 'node:path'
import { envName } from '../../base/index.ts'
import type { Cli, Session } from '../cli.ts'
import { importScript } from '../script.ts'

/** `run`: a typed job script, without any set-up of its own. */
export function runCommand(cli: Cli): void {
  cli
    .command({
      usage: 'run <file> [args...]',
      description: "run a TypeScript job script, which may import { connect } from 'aivida'",
      action: run,
    })
    .passThroughOptions()
}

/** Runs the script in this process and returns when nothing is left of it. */
async function run({ config, io }: Session, [file, ...args]: readonly string[]): Promise<void> {
  // The script is a process of its own in all but name: it finds its arguments and the node where any script would.
  process.argv.splice(1, Number.POSITIVE_INFINITY, resolve(io.cwd, file!), ...args)
  process.env[envName('dataDir')] = config.dataDir
  process.env[envName('socketPath')] = config.socketPath
  await importScript(io.cwd, file!)
  await once(process, 'beforeExit')
}
