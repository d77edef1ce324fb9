import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describeConfig } from '../../../runtime/base/config.ts'
import type { Limit } from '../../../runtime/base/limit.ts'
import { LIMITS } from '../../../runtime/base/limits.ts'
import { commandLine } from '../../../runtime/cli/aivida.ts'
import { EXIT_CODES, EXIT_CODES_HELP } from '../../../runtime/cli/failure.ts'
import type { Io } from '../../../runtime/cli/io.ts'

/** Settings, commands, exit codes, limits and error codes, as Markdown. `root`: the folder of the project. */
export function reference(root: string): string {
  return `<!-- Written by \`npm run types\` from the sources. Not to be edited. -->
# Settings, commands, limits, errors

- [Settings](#settings)
- [Commands](#commands)
- [Exit codes](#exit-codes)
- [Limits](#limits)
- [Error codes](#error-codes)

## Settings

A flag counts before the environment, that before \`config.json\` in the data folder, that before the default. The file is
\`{ "v": 1, "option": value, ... }\`. *Live* ones are taken over by a node that runs, others by its next start.

${settings()}

## Commands

Every command takes \`--json\`. Those that need a running node find it by \`--data-dir\` and \`--socket-path\`.

${commands()}

## Exit codes

${exitCodes()}

## Limits

Nothing is unbounded, and nothing raises a bound at run time (\`runtime/base/limits.ts\`).

${table(
  ['Limit', 'Value', 'Unit', 'Why'],
  Object.entries(LIMITS as Record<string, Limit>).map(([name, { value, unit, reason }]) => [
    `\`${name}\``,
    value.toLocaleString('en-US'),
    unit,
    reason,
  ]),
)}

## Error codes

An error is told apart by its \`code\`; its message says what was expected, what came and what to do.

${errorCodes(root)}
`
}

function settings(): string {
  const rows = describeConfig().map(({ key, flag, env, expected, unit, live, description, ...option }) => [
    ...[`\`${key}\``, `\`${flag}\``, `\`${env}\``, option.default === '' ? 'none' : `\`${option.default}\``],
    ...[`${expected}${unit === undefined ? '' : ` (${unit})`}`, live ? 'yes' : '', description],
  ])
  return table(['Option', 'Flag', 'Environment', 'Default', 'Takes', 'Live', 'What it is'], rows)
}

function commands(): string {
  const cli = commandLine({} as Io) // none of them is run
  return cli.program.commands.map((command) => commandText(command, 'aivida')).join('\n')
}

function commandText(command: Command, above: string): string {
  const name = `${above} ${command.name()}`
  const inner = command.commands.map((each) => commandText(each, name))
  const isGroup = !command.options.some(({ long }) => long === '--json')
  if (isGroup) return inner.join('\n')
  const args = command.registeredArguments.map((argument) => {
    const dots = argument.variadic ? '...' : ''
    return argument.required ? `<${argument.name()}${dots}>` : `[${argument.name()}${dots}]`
  })
  const settings = new Set(describeConfig().map(({ flag }) => flag))
  const options = command.options
    .filter(({ long, hidden }) => !hidden && long !== '--json' && !settings.has(long!.replace(/^--no-/, '--')))
    .map(({ flags, description }) => `  - \`${flags}\`: ${description}`)
  return [`- \`${[name, ...args].join(' ')}\`: ${command.description()}`, ...options, ...inner].join('\n')
}

function exitCodes(): string {
  const [words] = EXIT_CODES_HELP.replaceAll('\n', ' ').split(/(?<=\.) /)
  const codes = Object.entries(EXIT_CODES).map(([category, code]) => [String(code), `\`${category}\``])
  return `${words}\n\n${table(['Code', 'Category of the error'], codes)}`
}

/** `area.what` where an error is made: the first argument of a call, or a property. */
const CODE =
  /(?:\b\w*(?:[eE]rror|refus\w*|failed|invalid|denied|unavailable)\w*\(\s*|\bcode: )'([a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+)'/g

function errorCodes(root: string): string {
  const areas = new Map<string, Set<string>>()
  for (const file of globSync('{runtime,kernel}/**/*.ts', { cwd: root })) {
    if (file.endsWith('.d.ts') || file.includes('/generator/')) continue
    for (const [, code] of readFileSync(join(root, file), 'utf8').matchAll(CODE)) {
      const area = code!.split('.')[0]!
      areas.set(area, (areas.get(area) ?? new Set()).add(code!))
    }
  }
  const rows = [...areas].sort(([a], [b]) => (a < b ? -1 : 1))
  return table(
    ['Area', 'Codes'],
    rows.map(([area, codes]) => [
      area,
      [...codes]
        .sort()
        .map((code) => `\`${code}\``)
        .join(', '),
    ]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
