import { type Random, randomId } from '../../base/index.ts'

/** A new job's id. */
export function newJobId(random: Random): string {
  return `job-${randomId(random)}`
}
