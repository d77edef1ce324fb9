import { type AividaError, type ErrorCategory, toAividaError } from '../base/index.ts'
import { harmless } from './figures.ts'

/** What `aivida` exits with, by who can mend the error. 0 is success. */
export const EXIT_CODES: Readonly<Record<ErrorCategory, number>> = {
  internal: 1,
  user: 2,
  config: 3,
  platform: 4,
  peer: 5,
  timeout: 6,
  aborted: 130, // as a shell reports Ctrl-C
}

/** {@link EXIT_CODES} in words, for the help screen. */
export const EXIT_CODES_HELP =
  'Exit codes: 0 success, 1 a defect of aivida, 2 a wrong argument or request, 3 wrong configuration,\n' +
  '4 the machine (disk, permissions, network), 5 another node, 6 a deadline, 130 called off.\n' +
  'Something is wrong with this node or machine? aivida doctor'

/**
 * An error as it is printed: `error code: message`, and what to try on a line of its own. `whereFlags`: those by which
 * the command found its node, which what is to be tried has to find, too.
 */
export function formatFailure(error: unknown, json: boolean, whereFlags = ''): string {
  const failure = toAividaError(error)
  if (json) return `${JSON.stringify({ error: failure })}\n`
  const remedy = typeof failure.facts.remedy === 'string' ? failure.facts.remedy : ''
  const here = whereFlags === '' ? remedy : remedy.replace(OWN_COMMAND, (command) => `${command} ${whereFlags}`)
  const message = remedy === '' ? failure.message : failure.message.replaceAll(remedy, here)
  const lines = [`error ${failure.code}: ${message}`]
  if (!message.includes(here)) lines.push(`try: ${here}`)
  if (failure.category === 'internal') lines.push(...stackLines(failure))
  return `${harmless(lines.join('\n'))}\n`
}

/** The command that a remedy begins with, when it is one of ours. */
const OWN_COMMAND = /^aivida (account \w+|config \w+|jobs adopt|\w+)/

/** The code to exit with after an error. */
export function exitCodeOf(error: unknown): number {
  return EXIT_CODES[toAividaError(error).category]
}

function stackLines({ cause, stack }: AividaError): string[] {
  const deepest = (cause instanceof Error && cause.stack) || stack || ''
  return deepest.split('\n').filter((line) => line.startsWith('    at '))
}
