import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** The `aivida` command's file. */
export const MAIN = fileURLToPath(new URL('../../runtime/launch/aivida.js', import.meta.url))

/** How a command ended and what it printed. */
export interface Ending {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `aivida` as its user does, in a process of its own; `said` hears its error stream and may press Ctrl-C. */
export async function aivida(
  argv: readonly string[],
  {
    cwd,
    said,
    env,
  }: {
    cwd?: string
    said?: (words: string, interrupt: () => void) => void
    env?: Readonly<Record<string, string>>
  } = {},
): Promise<Ending> {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  let words = ''
  let interrupt = () => {
    interrupt = () => {} // a second Ctrl-C would end it at once
    child.kill('SIGINT')
  }
  child.stderr.on('data', (piece) => {
    words += piece
    said?.(words, () => interrupt())
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, out, err }
}
