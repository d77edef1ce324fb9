import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Clock, every } from '../base/index.ts'
import type { NodeEventBody } from '../protocol/index.ts'

const SAMPLE_MS = 2_000
const NANOSECONDS = 1e6

/** Publishes what the node's process uses, every two seconds. Returns a function that stops it. */
export function startSampling(
  clock: Clock,
  load: () => { readonly running: number; readonly queued: number },
  publish: (event: NodeEventBody) => void,
): () => void {
  const loop = monitorEventLoopDelay({ resolution: 20 })
  loop.enable()
  let last = { cpu: process.cpuUsage(), atMs: clock.monoMs() }
  const stop = every(clock, SAMPLE_MS, () => {
    const cpu = process.cpuUsage()
    const atMs = clock.monoMs()
    const usedMs = (cpu.user - last.cpu.user + cpu.system - last.cpu.system) / 1_000
    publish({
      type: 'sample',
      cpu: usedMs / (atMs - last.atMs),
      rssBytes: process.memoryUsage.rss(),
      loopDelayMs: loop.percentile(99) / NANOSECONDS,
      ...load(),
    })
    loop.reset()
    last = { cpu, atMs }
  })
  return () => {
    stop()
    loop.disable()
  }
}
