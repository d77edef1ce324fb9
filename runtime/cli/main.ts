/** The `aivida` command, as `launch/aivida.js` runs it. */
import { homedir } from 'node:os'
import { foregroundClock } from '../node/control/foreground-clock.ts'
import { runCli } from './aivida.ts'
import { askSecretOnTerminal, confirmOnTerminal } from './io.ts'

/** How long an open handle may hold up the end of a command that has finished. */
const LINGER_MS = 1_000

process.exitCode = await runCli(process.argv.slice(2), {
  clock: foregroundClock,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  platform: process.platform,
  isTerminal: process.stdout.isTTY === true && process.stderr.isTTY === true,
  columns: process.stdout.columns ?? 80,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  askSecret: askSecretOnTerminal,
  confirm: confirmOnTerminal,
  signal: interruption(),
})
setTimeout(() => process.exit(), LINGER_MS).unref()

/** Fires on the first Ctrl-C or SIGTERM; the second ends the process at once. */
function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(exitCode)
      interrupted.abort()
    })
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(0) // whoever read us has seen enough
  })
  process.stderr.on('error', () => {}) // nobody listens any more: no reason to end what is under way
  return interrupted.signal
}
