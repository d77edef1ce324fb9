import type { JobStatus } from './job.ts'

/** What `rows` of a {@link JobStatus} counts: of training and sweeps it is steps. */
export function unitOf({ program }: Pick<JobStatus, 'program'>): 'rows' | 'steps' {
  return program === 'infer' ? 'rows' : 'steps'
}
