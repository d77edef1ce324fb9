import { type Clock, systemClock } from '../../../runtime/base/clock.ts'
import type { ShowJob } from '../../job-news.ts'
import { LiveJob } from './live.ts'

/** Shows jobs in their cells: see {@link ShowJob}. */
export function jobShower(clock: Clock = systemClock): ShowJob {
  return (news, cell) => {
    const live = new LiveJob({ cell, clock })
    live.follow(news).catch((error: unknown) => {
      cell.put({ type: 'stream', name: 'stderr', text: `the view of a job ended: ${String(error)}\n` })
    })
  }
}
