import { describeConfig } from '../../base/index.ts'
import type { Cli } from '../cli.ts'
import { formatTable } from '../figures.ts'

/** `config show` and `config describe`: the settings as they are, and what each means. */
export function configCommand(cli: Cli): void {
  const group = cli.group('config', 'the settings: as they are, and what each means')
  cli.command(
    {
      usage: 'show',
      description: 'print the settings as flags, environment and config.json give them',
      config: 'node',
      async action(session) {
        const { config } = session
        session.print(config, () =>
          formatTable(
            ['OPTION', 'VALUE'],
            Object.entries(config).map(([key, value]) => [
              key,
              Array.isArray(value) ? value.join(',') : String(value ?? ''),
            ]),
          ),
        )
      },
    },
    group,
  )
  cli.command(
    {
      usage: 'describe',
      description: 'list every option: its flag, environment variable, default and meaning',
      config: 'none',
      async action(session) {
        const rows = describeConfig()
        const text = rows.map(
          (row) =>
            `${row.key}: ${row.description}${row.live ? '; taken over while the node runs' : ''}\n` +
            `    ${row.flag}, ${row.env}; ${row.expected}; default: ${row.default || 'none'}\n`,
        )
        session.print(rows, text.join(''))
      },
    },
    group,
  )
}
