import type { CellRun, FrontEnd, RunOutput } from '../../kernel/client/index.ts'

/** A cell that has submitted a job and tells of its parts: `part 1`, `part 2`, ... */
export interface FollowedCell {
  readonly run: CellRun
  readonly job: string
}

/** What the cell submits, and what it does after the job's last part. */
export interface FollowedCellInit {
  readonly model: string
  readonly input: string
  readonly rowsPerShard: number
  readonly after?: string
}

/** Submits a job from a cell that follows it; resolves when the cell has told of so many parts. */
export async function followedCell(
  kernel: FrontEnd,
  { model, input, rowsPerShard, after = '' }: FollowedCellInit,
  parts: number,
): Promise<FollowedCell> {
  const run = kernel.execute(`
const job = cluster.infer(${JSON.stringify({ model, input, rowsPerShard })})
console.log(await job.id)
const told: number[] = []
for await (const event of job) if (event.type === 'part') console.log('part', told.push(event.part.index))
${after}`)
  await said(run, parts === 0 ? /^job-/m : new RegExp(`^part ${parts}$`, 'm'))
  return { run, job: /^job-\S+$/m.exec(textOf(run.outputs))![0] }
}

/** Resolves when a cell has written something; rejects with all that it put out when it has ended without. */
export async function said(run: CellRun, what: RegExp): Promise<void> {
  for await (const _ of run) if (what.test(textOf(run.outputs))) return
  throw new Error(`expected ${what}, the cell put out ${JSON.stringify(run.outputs).slice(0, 4_000)}`)
}

/** What was written to stdout. */
export function textOf(outputs: readonly RunOutput[]): string {
  return outputs.map((output) => (output.type === 'stream' && output.name === 'stdout' ? output.text : '')).join('')
}
