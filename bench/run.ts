/**
 * `npm run bench -- SUITE... [--json] [--full]`: runs suites and prints a line a check; with `--json`, one JSON object
 * a suite as the last lines. Exits with 1 when a gate does not hold.
 */
import { readdirSync } from 'node:fs'
import { meets, report, type Suite } from './report.ts'

const flags = process.argv.slice(2).filter((word) => word.startsWith('--'))
const known = readdirSync(new URL('suites', import.meta.url)).map((file) => file.replace(/\.ts$/, ''))
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const wrong = [
  ...words.filter((word) => !known.includes(word)),
  ...flags.filter((f) => f !== '--json' && f !== '--full'),
]
if (wrong.length > 0) {
  console.error(`unknown: ${wrong.join(', ')}; suites are ${known.join(', ')}, flags are --json and --full`)
  process.exit(2)
}

let failed = false
for (const name of words.length > 0 ? words : known) {
  const { suite } = (await import(new URL(`suites/${name}.ts`, import.meta.url).href)) as { suite: Suite }
  const result = await suite({ full: flags.includes('--full'), say: (line) => console.error(line) })
  for (const { name, value, unit, gate, goal, spread } of result.checks) {
    const bound = [
      gate && `gate ${gate}${meets(value, gate) ? '' : ' MISSED'}`,
      goal && `goal ${goal}${meets(value, goal) ? '' : ' missed'}`,
    ]
    console.log(
      `${name.padEnd(28)} ${value} ${unit}${spread ? ` (${spread.join(' to ')})` : ''}  ${bound.filter(Boolean).join(', ')}`,
    )
    if (gate && !meets(value, gate)) failed = true
  }
  for (const { name, reason } of result.skipped ?? []) console.log(`${name.padEnd(28)} skipped: ${reason}`)
  if (flags.includes('--json')) console.log(JSON.stringify(report(name, result)))
}
process.exit(failed ? 1 : 0)
