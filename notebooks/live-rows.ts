import { progressBar } from '../runtime/cli/progress.ts'
import type { JobStatus } from '../runtime/protocol/index.ts'

/** Shows how far a job has come: one line drawn over and over on a terminal, elsewhere a plain line each tenth. */
export function liveRows(what: string, total: number): (status: JobStatus, last?: boolean) => void {
  const sinceMs = performance.now()
  let printed = -1
  return ({ rows, shards, workers }, last = false) => {
    const share = rows.done / total
    const perSecond = (rows.done / (performance.now() - sinceMs)) * 1_000
    const done = `${rows.done}/${total} ${what}, ${shards.done} shards, ${perSecond.toFixed(1)} ${what}/s`
    const each = workers.map(({ name, rows }) => `${name} ${rows}`).join(', ')
    const text = each === '' ? done : `${done}; ${each}`
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K${progressBar(share)} ${text}${last ? '\n' : ''}`)
    else if (Math.floor(share * 10) > printed) {
      printed = Math.floor(share * 10)
      console.log(text)
    }
  }
}
