import { VERSION } from '../node/version.ts'
import { Cli } from './cli.ts'
import { accountCommands } from './commands/account.ts'
import { clusterCommands } from './commands/cluster.ts'
import { configCommand } from './commands/config.ts'
import { daemonCommands } from './commands/daemon.ts'
import { dataCommands } from './commands/data.ts'
import { deviceCommands } from './commands/device.ts'
import { doctorCommand } from './commands/doctor.ts'
import { inferCommand } from './commands/infer.ts'
import { kernelCommands } from './commands/kernel.ts'
import { logsCommand } from './commands/logs.ts'
import { notebookCommands } from './commands/notebook.ts'
import { runCommand } from './commands/run.ts'
import { sweepCommand } from './commands/sweep.ts'
import { trainCommand } from './commands/train.ts'
import { viewCommands } from './commands/view.ts'
import { EXIT_CODES_HELP, exitCodeOf, formatFailure } from './failure.ts'
import type { Io } from './io.ts'

/** All commands, before one of them is run. */
export function commandLine(io: Io): Cli {
  const cli = new Cli(io, VERSION)
  for (const add of [
    daemonCommands,
    viewCommands,
    doctorCommand,
    deviceCommands,
    inferCommand,
    trainCommand,
    sweepCommand,
    dataCommands,
    runCommand,
    kernelCommands,
    notebookCommands,
    logsCommand,
    clusterCommands,
    accountCommands,
    configCommand,
  ])
    add(cli)
  cli.program.addHelpText('after', `\n${EXIT_CODES_HELP}`)
  return cli
}

/** Runs one command line and returns its exit code; errors are printed, never thrown. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const cli = commandLine(io)
  try {
    await cli.run(argv)
    return cli.exitCode
  } catch (error) {
    io.err(formatFailure(error, cli.json ?? argv.includes('--json'), cli.whereFlags))
    return exitCodeOf(error)
  }
}
