import type { JobProgram } from '../../job-news.ts'
import type { JobView } from './job-view.ts'

const WORDS: Readonly<Record<JobProgram, string>> = { infer: 'inference', train: 'training', sweep: 'sweep' }

/** What people call a job: its name, or that of its model, or what it does. Its id stands beside it. */
export function labelOf({ status, name, program }: JobView): string {
  const word = program ?? (status?.program as JobProgram | undefined)
  return status?.name || name || (word === undefined ? 'job' : (WORDS[word] ?? word))
}

/** What stands behind the label: what the job does, where the label does not say so, and its id. */
export function aboutOf(view: JobView): string {
  const program = view.status?.program ?? view.program
  const isNamed = Boolean(view.status?.name || view.name)
  return [isNamed ? program : undefined, view.status?.job ?? view.job].filter((part) => part !== undefined).join(', ')
}
