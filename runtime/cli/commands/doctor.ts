import { AividaError, isAividaError, toAividaError } from '../../base/index.ts'
import { dataFolder } from '../../node/data-folder.ts'
import type { Finding, Report } from '../../node/doctor/index.ts'
import type { Seed } from '../../swarm/presence/seed.ts'
import type { Cli, Session } from '../cli.ts'

/** What `doctor` exits with. */
const EXIT_CODES = { ok: 0, broken: 1, warning: 3 } as const

/** `doctor`: what is wrong here, and what to do. */
export function doctorCommand(cli: Cli): void {
  cli
    .command({
      usage: 'doctor',
      description: 'say what is wrong with this node or machine, and what to do',
      config: 'node',
      async action(session) {
        const report = await examineHere(session)
        session.print(report, () => describeReport(report.checks))
        session.exitCode = EXIT_CODES[report.verdict]
      },
    })
    .addHelpText('after', '\nExit codes: 0 all is well, 1 something is broken, 3 warnings alone, 2 a wrong argument.')
}

/**
 * Runs what starts or joins, and when it fails says what is wrong besides the error itself: on the error stream, or in
 * the error's facts (`doctor`) for those who asked for JSON.
 */
export async function withDoctor(session: Session, work: () => Promise<void>, ticket?: string): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isWorthLooking(error)) throw error
    const { checks } = await examineHere(session, ticket).catch(() => ({ checks: [] })) // the error itself stands first
    const failure = toAividaError(error)
    const isNews = ({ message }: Finding) => !failure.message.includes(message)
    const wrong = checks.filter(
      (finding) => (finding.level === 'broken' || finding.level === 'warning') && isNews(finding),
    )
    if (wrong.length > 0)
      session.note(
        `what is wrong here, as far as can be told (all of it: aivida doctor):\n${describe(wrong).trimEnd()}`,
      )
    throw new AividaError({ ...failure.toJSON(), cause: failure.cause, facts: { ...failure.facts, doctor: wrong } })
  }
}

/** Whether the machine may have to do with it: a mistyped ticket or option says all there is to say. */
function isWorthLooking(error: unknown): boolean {
  const { code, category } = toAividaError(error)
  return category !== 'aborted' && !/^(config|usage|ticket|cluster|membership|hello)\./.test(code)
}

async function examineHere(session: Session, ticket?: string): Promise<Report> {
  const { admit, examine, systemMachine } = await import('../../node/doctor/index.ts')
  const { clock } = session.io
  const { config, problem } = session.bestConfig()
  const patient = {
    config,
    configError: problem,
    folder: dataFolder(config.dataDir),
    machine: systemMachine(clock),
    seeds: await seedsOf(ticket),
  }
  return examine(await admit(patient, clock), clock)
}

async function seedsOf(ticket: string | undefined): Promise<readonly Seed[]> {
  if (ticket === undefined) return []
  const { openTicket } = await import('../../swarm/charter/index.ts')
  try {
    return openTicket(ticket).seeds.map((address) => ({ address, source: 'ticket' }))
  } catch (error) {
    if (isAividaError(error)) return [] // the error of joining says so
    throw error
  }
}

/** Findings for people: a line each, and the remedy below it. */
export function describeReport(checks: Report['checks']): string {
  const count = (level: Finding['level']) => checks.filter((finding) => finding.level === level).length
  const [broken, warnings] = [count('broken'), count('warning')]
  const sum =
    broken + warnings === 0 ? 'all is well' : `${broken} broken, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
  return `${describe(checks)}${sum}\n`
}

function describe(checks: readonly (Finding & { readonly check: string })[]): string {
  return checks
    .map(({ level, check, message, remedy }) => {
      const line = `${level.padEnd(8)} ${check.padEnd(9)} ${message}\n`
      return remedy === undefined ? line : `${line}${' '.repeat(19)}try: ${remedy}\n`
    })
    .join('')
}
