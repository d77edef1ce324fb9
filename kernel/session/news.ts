import { aborted } from '../../runtime/base/errors.ts'
import type { ResultPart } from '../../runtime/protocol/index.ts'
import type { JobNews, JobProgram, SweepNews } from '../job-news.ts'
import { explained, type NodeLink } from './node-link.ts'

/** Whose news they are. */
export interface NewsInit {
  readonly link: NodeLink
  readonly program: JobProgram
  readonly name?: string | undefined
}

/** What a live view is told of a job that has this id, or will have it. */
export async function* newsOf(
  { link, program, name }: NewsInit,
  id: Promise<string>,
  sweep: Promise<SweepNews | undefined>,
): AsyncGenerator<JobNews, void, void> {
  let job: string | undefined
  try {
    yield { type: 'submitting', program, ...(name !== undefined && { name }) }
    job = await id
    const [peers, tried] = [await link.ask((client) => client.peers()), await sweep]
    const alone = !peers.some(({ self, state }) => !self && state === 'alive')
    yield { type: 'submitted', job, alone, peers, ...(tried && { sweep: tried }) }
    let ended = false
    for await (const event of link.events.follow(job)) {
      const measured = program === 'train' && event.type === 'part' ? await measuredBy(event.part) : undefined
      yield { type: 'event', event, ...(measured && { measured }) }
      ended ||= event.type === 'job' && event.status.state !== 'running'
    }
    if (!ended) throw aborted('the session was closed; the job goes on')
  } catch (error) {
    yield { type: 'failed', error: explained(error), ...(job !== undefined && { job }) }
  }
}

/** What the steps of a part measured; nothing where its file is not there. */
async function measuredBy({ file, rows }: ResultPart): Promise<Record<string, number[]> | undefined> {
  if (rows === 0) return undefined
  const [{ readPart }, { measuredIn }] = await Promise.all([
    import('../../runtime/data/sources/parts.ts'),
    import('../../runtime/node/record/curves.ts'),
  ])
  return readPart(file).then(measuredIn, () => undefined)
}
