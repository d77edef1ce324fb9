import { z } from 'zod'
import { type AividaError, type Config, type limit, toAividaError } from '../../base/index.ts'
import type { Seed } from '../../swarm/presence/seed.ts'
import type { DataFolder } from '../data-folder.ts'
import type { NodeInfo } from '../service.ts'
import type { Machine } from './machine.ts'

/** What a check found: one plain sentence, and what to do when something is wrong. Never a secret. */
export const findingSchema = z.object({
  /** How bad it is. `skipped`: it could not be looked at here and now, and the message says why. */
  level: z.enum(['ok', 'skipped', 'warning', 'broken']),
  message: z.string(),
  /** What to do, where the message does not say it already. */
  remedy: z.string().optional(),
})

/** See {@link findingSchema}. */
export type Finding = z.infer<typeof findingSchema>

/** What `aivida doctor --json` prints. `verdict` is the worst level of all, with `ok` for nothing wrong. */
export const reportSchema = z.object({
  v: z.literal(1),
  verdict: z.enum(['ok', 'warning', 'broken']),
  checks: z.array(findingSchema.extend({ check: z.string(), tookMs: z.number() })),
})

/** See {@link reportSchema}. */
export type Report = z.infer<typeof reportSchema>

/** What checks look at. */
export interface Patient {
  /** The settings; those of flags and environment alone when the file could not be read. */
  readonly config: Config
  /** Why the configuration file could not be read. */
  readonly configError: AividaError | undefined
  readonly folder: DataFolder
  readonly machine: Machine
  /** The node that runs on this data folder, as it describes itself. */
  readonly node: NodeInfo | undefined
  /** Why there is no {@link node}: none runs, or one does not answer as it should. */
  readonly nodeError: AividaError | undefined
  /** Where to look for the swarm besides what the folder knows: the seeds of a ticket that is being redeemed. */
  readonly seeds: readonly Seed[]
}

/** One thing to look at. */
export interface Check {
  readonly name: string
  /** The limit that bounds it. Default: `doctorCheckMs`. */
  readonly limit?: Parameters<typeof limit>[0]
  /** What is to be said, at least one finding. What it throws counts as broken. */
  run(patient: Patient, signal: AbortSignal): Promise<readonly Finding[]>
}

/** Nothing is wrong. */
export const ok = (message: string): Finding => ({ level: 'ok', message })

/** It could not be looked at. */
export const skipped = (message: string): Finding => ({ level: 'skipped', message })

/** The node works, less well than it could. */
export const warning = (message: string, remedy: string): Finding => ({ level: 'warning', message, remedy })

/** The node does not work. */
export const broken = (message: string, remedy?: string): Finding => ({
  level: 'broken',
  message,
  ...(remedy !== undefined && { remedy }),
})

/** An error of ours as a finding: its message says what to do, or its remedy does. */
export function brokenBy(error: unknown): Finding {
  const { message, facts } = toAividaError(error)
  return broken(message, typeof facts.remedy === 'string' ? facts.remedy : undefined)
}
