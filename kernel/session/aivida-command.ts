import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { AividaError, fromRecord } from '../../runtime/base/errors.ts'
import { COMMAND_FILE } from '../../runtime/node/command-file.ts'

/**
 * Runs an `aivida` command in a process of its own and gives what it prints as JSON: a node is started and stopped by the
 * command alone. Throws what the command failed of.
 */
export async function aivida(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<unknown> {
  const child = spawn(process.execPath, [COMMAND_FILE, ...argv, '--json'], {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  const said = lastJson(out) ?? lastJson(err)
  if (code === 0) return said
  const failure = (said as { error?: ConstructorParameters<typeof AividaError>[0] } | undefined)?.error
  if (failure) throw fromRecord({ retryable: false, facts: {}, ...failure })
  throw new AividaError({
    code: 'aivida.failed',
    category: 'internal',
    message: `aivida ${argv[0]} ended with code ${code}: ${err.trim().slice(-2_000)}`,
  })
}

function lastJson(words: string): unknown {
  try {
    return JSON.parse(words.trim().split('\n').at(-1) ?? '')
  } catch {
    return undefined
  }
}
