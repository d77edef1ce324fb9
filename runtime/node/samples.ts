import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Clock, every } from '../base/index.ts'
import type { NodeEventBody } from '../protocol/index.ts'

const SAMPLE_MS = 2_000
const NANOSECONDS = 1e6
/**
 * How often the monitor of the event loop looks, which it counts into each delay. Each look wakes the process: a hundred a
 * second take 0.4 % of a core that an engine would have, and what delays matter are seen at ten.
 */
export const LOOP_RESOLUTION_MS = 100

/** What a process uses: share of one core, resident memory, 99th percentile of the event loop's delay. */
export interface Load {
  readonly cpu: number
  readonly rssBytes: number
  readonly loopDelayP99Ms: number
}

/** Samples what this process uses, every two seconds. */
export class Sampler {
  readonly #clock: Clock
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  #last: { readonly cpu: NodeJS.CpuUsage; readonly atMs: number }
  #load: Load = { cpu: 0, rssBytes: process.memoryUsage.rss(), loopDelayP99Ms: 0 }
  #stop = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
    this.#last = { cpu: process.cpuUsage(), atMs: clock.monoMs() }
  }

  /** The last two seconds that were sampled. */
  get latest(): Load {
    return this.#load
  }

  /** Samples from now on, and publishes each with what the node has to do. */
  start(
    work: () => { readonly running: number; readonly queued: number },
    publish: (event: NodeEventBody) => void,
  ): void {
    this.#loop.enable()
    this.#stop = every(this.#clock, SAMPLE_MS, () => {
      this.#sample()
      const { cpu, rssBytes, loopDelayP99Ms } = this.#load
      publish({ type: 'sample', cpu, rssBytes, loopDelayMs: loopDelayP99Ms, ...work() })
    })
  }

  stop(): void {
    this.#stop()
    this.#loop.disable()
  }

  #sample(): void {
    const cpu = process.cpuUsage()
    const atMs = this.#clock.monoMs()
    const usedMs = (cpu.user - this.#last.cpu.user + cpu.system - this.#last.cpu.system) / 1_000
    this.#load = {
      cpu: usedMs / (atMs - this.#last.atMs),
      rssBytes: process.memoryUsage.rss(),
      loopDelayP99Ms: Math.max(0, this.#loop.percentile(99) / NANOSECONDS - LOOP_RESOLUTION_MS),
    }
    this.#loop.reset()
    this.#last = { cpu, atMs }
  }
}
