import type { Gauge, Registry } from 'prom-client'
import { LOOP_RESOLUTION_MS } from './samples.ts'
import type { NodeService } from './service.ts'

/** How many shards went through which phase. */
type ShardCounts = Map<string, number>

/**
 * The node's Prometheus metrics (names start with `aivida_`), made when they are first asked for: most nodes are never
 * scraped. Gauges read the service then; shards are counted from now on until the signal fires.
 */
export function nodeMetrics(service: NodeService, signal: AbortSignal): () => Promise<Registry> {
  const shards: ShardCounts = new Map()
  let registry: Promise<Registry> | undefined
  void countShards(service, shards, signal)
  return () => {
    registry ??= registryOf(service, shards)
    return registry
  }
}

async function registryOf(service: NodeService, shards: ShardCounts): Promise<Registry> {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'aivida_', eventLoopMonitoringPrecision: LOOP_RESOLUTION_MS })
  const gauge = (name: string, help: string, labelNames: readonly string[], read: (gauge: Gauge) => Promise<void>) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        this.reset()
        await read(this)
      },
    })

  gauge('aivida_jobs', 'Jobs this node knows, by state', ['state'], async (jobs) => {
    for (const job of await service.jobs()) jobs.inc({ state: job.state })
  })
  gauge('aivida_rows_done', 'Rows done, all known jobs together', [], async (rows) => {
    rows.set((await service.jobs()).reduce((sum, job) => sum + job.rows.done, 0))
  })
  gauge('aivida_peers', 'Peers, by liveness and carrier', ['state', 'carrier'], async (peers) => {
    for (const peer of await service.peers()) peers.inc({ state: peer.state, carrier: peer.carrier })
  })
  gauge(
    'aivida_disk_bytes',
    'Disk that blobs, logs and caches use, their budget, and what is free',
    ['what'],
    async (disk) => {
      const { usedBytes, budgetBytes, freeBytes } = (await service.info()).disk
      disk.set({ what: 'used' }, usedBytes)
      disk.set({ what: 'budget' }, budgetBytes)
      disk.set({ what: 'free' }, freeBytes)
    },
  )
  gauge('aivida_loop_delay_p99_seconds', 'Event loop delay, 99th percentile of two seconds', [], async (delay) => {
    delay.set((await service.info()).load.loopDelayP99Ms / 1_000)
  })
  gauge('aivida_misdeeds', 'What remembered peers did wrong, by code of the last', ['code'], async (misdeeds) => {
    for (const { conduct } of await service.peers()) if (conduct) misdeeds.inc({ code: conduct.code }, conduct.count)
  })
  gauge('aivida_logs_damaged', 'Journals in which the background check has found damage', [], async (damaged) => {
    damaged.set((await service.info()).logs?.damaged ?? 0)
  })
  gauge('aivida_logs_scrubbed_bytes', 'Journal bytes checked in the background since the start', [], async (bytes) => {
    bytes.set((await service.info()).logs?.scrubbedBytes ?? 0)
  })
  gauge('aivida_accepting', '1 while new work is taken, 0 while draining', [], async (accepting) => {
    accepting.set((await service.info()).accepting ? 1 : 0)
  })
  new Counter({
    name: 'aivida_shards_total',
    help: 'What happened to shards since the node started, by phase',
    labelNames: ['phase'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [phase, count] of shards) this.inc({ phase }, count)
    },
  })
  return registry
}

async function countShards(service: NodeService, shards: ShardCounts, signal: AbortSignal): Promise<void> {
  for await (const event of service.events.subscribe({ after: service.events.lastSeq, signal }))
    if (event.type === 'shard') shards.set(event.phase, (shards.get(event.phase) ?? 0) + 1)
}
