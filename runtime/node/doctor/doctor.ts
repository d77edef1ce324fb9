import { type Clock, isAividaError, limit, timedOut, timeLimit, toAividaError } from '../../base/index.ts'
import { broken, brokenBy, type Check, type Finding, type Patient, type Report, skipped } from './check.ts'
import { accountCheck } from './checks/account.ts'
import { clockCheck } from './checks/clock.ts'
import { clusterCheck } from './checks/cluster.ts'
import { determinismCheck } from './checks/determinism.ts'
import { diskCheck } from './checks/disk.ts'
import { engineCheck } from './checks/engine.ts'
import { islandCheck } from './checks/island.ts'
import { nodeCheck } from './checks/node.ts'
import { portsCheck } from './checks/ports.ts'
import { seedsCheck } from './checks/seeds.ts'
import { settingsCheck } from './checks/settings.ts'
import { udpCheck } from './checks/udp.ts'
import { versionsCheck } from './checks/versions.ts'

/**
 * Everything that is looked at, in the order it is told: what comes first explains what comes later. Groups run one
 * after the other, so that nothing else is under way while a disk is timed; the checks of one group run together.
 */
export const CHECKS: readonly (readonly Check[])[] = [
  [versionsCheck, settingsCheck, nodeCheck],
  [diskCheck],
  [clusterCheck, accountCheck, clockCheck, portsCheck, udpCheck, seedsCheck, islandCheck, engineCheck],
  [determinismCheck],
]

/** Asks the node that runs here, if one does, since most checks look at it. Never throws. */
export async function admit(patient: Omit<Patient, 'node' | 'nodeError'>, clock: Clock): Promise<Patient> {
  const { machine, config } = patient
  try {
    const ask = (signal: AbortSignal) => machine.nodeInfo(config.socketPath, signal)
    return { ...patient, node: await bounded(clock, limit('doctorNodeMs'), ask), nodeError: undefined }
  } catch (error) {
    return { ...patient, node: undefined, nodeError: toAividaError(error) }
  }
}

/** Runs the checks, each within its limit, and none longer than `doctorMs` all together. Never throws. */
export async function examine(
  patient: Patient,
  clock: Clock,
  checks: readonly (readonly Check[])[] = CHECKS,
): Promise<Report> {
  const endMs = clock.monoMs() + limit('doctorMs')
  const found: Report['checks'] = []
  for (const group of checks) {
    const looked = await Promise.all(group.map((check) => look(check, patient, clock, endMs - clock.monoMs())))
    found.push(...looked.flat())
  }
  const levels = new Set(found.map(({ level }) => level))
  const verdict = levels.has('broken') ? 'broken' : levels.has('warning') ? 'warning' : 'ok'
  return { v: 1, verdict, checks: found }
}

async function look(check: Check, patient: Patient, clock: Clock, leftMs: number): Promise<Report['checks']> {
  const startMs = clock.monoMs()
  if (leftMs <= 0) return [{ check: check.name, ...skipped('no time was left for it'), tookMs: 0 }]
  const limitMs = Math.min(limit(check.limit ?? 'doctorCheckMs'), leftMs)
  const findings = await bounded(clock, limitMs, (signal) => check.run(patient, signal)).catch(failure)
  const tookMs = Math.round(clock.monoMs() - startMs)
  return findings.map((finding) => ({ check: check.name, ...finding, tookMs }))
}

function failure(error: unknown): Finding[] {
  if (!isAividaError(error, 'timeout')) return [brokenBy(error)]
  return [broken(`${error.message}: something here does not answer`, 'see what keeps this machine or its disk busy')]
}

/** Whatever the work does, this ends when its time is up; the work hears of it by its signal. Throws `timeout`. */
async function bounded<T>(clock: Clock, limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limited = timeLimit(clock, limitMs)
  const late = new Promise<never>((_, reject) =>
    limited.signal.addEventListener('abort', () => reject(timedOut('the check', limitMs)), { once: true }),
  )
  try {
    return await Promise.race([work(limited.signal), late])
  } finally {
    limited.clear()
  }
}
