import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'

/** One figure of a suite. */
export interface Check {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Must hold, for example `>= 0.9`. */
  readonly gate?: string
  /** Wanted. */
  readonly goal?: string
  /** Smallest and largest of the rounds. */
  readonly spread?: readonly [number, number]
}

/** What could not be measured here, and why. */
export interface Skipped {
  readonly name: string
  readonly reason: string
}

/** What a suite found. */
export interface SuiteResult {
  readonly checks: readonly Check[]
  readonly skipped?: readonly Skipped[]
  /** Of what ours was compared with. */
  readonly versions?: Readonly<Record<string, string>>
  /** Seed and rounds, for whoever runs it again. */
  readonly seed: number
  readonly n: number
}

/** How a suite is run. */
export interface SuiteOptions {
  /** Longer, with more rounds. */
  readonly full: boolean
  /** Says what is going on; never the result. */
  readonly say: (line: string) => void
}

/** A suite: measures, and checks correctness before it does. */
export type Suite = (options: SuiteOptions) => Promise<SuiteResult>

/** A check from its rounds: the median, with the extremes as spread. */
export function medianCheck(check: Omit<Check, 'value' | 'spread'>, rounds: readonly number[]): Check {
  const sorted = [...rounds].sort((a, b) => a - b)
  return { ...check, value: round(median(sorted)), spread: [round(sorted[0]!), round(sorted.at(-1)!)] }
}

/** The middle of a sorted list, or the mean of the middle two. */
export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Whether a value meets a bound such as `>= 0.9` or `<= 220`. */
export function meets(value: number, bound: string): boolean {
  const [operator, limit] = bound.split(' ')
  return operator === '>=' ? value >= Number(limit) : value <= Number(limit)
}

/** The suite's report, as one JSON object. */
export function report(suite: string, { checks, skipped = [], versions = {}, seed, n }: SuiteResult): object {
  return {
    suite,
    checks: checks.map((check) => ({ ...check, pass: meets(check.value, check.gate ?? check.goal ?? '>= -Infinity') })),
    skipped,
    env: { commit: commit(), seed, hardware: hardware(), node: process.version, ...versions, n },
  }
}

/** A number with four digits that matter. */
export function round(value: number): number {
  return Number(value.toPrecision(4))
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'unknown'
  }
}

function hardware(): string {
  const all = cpus()
  return `${all.length} x ${all[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}-${process.arch}`
}
