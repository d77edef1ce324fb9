import { fits } from './fitting.ts'
import type { DeviceRecord, JobRecord, ShardRecord } from './state.ts'

/** Milliseconds. */
const RETRY_MS = 250

/** A shard waits for the one peer that may compute it, behind those that wait for it already. */
export function awaitPeer({ placed }: JobRecord, shard: ShardRecord): void {
  if (shard.only === undefined) return
  const waiting = placed.get(shard.only) ?? new Set()
  placed.set(shard.only, waiting.add(shard))
}

/** What has failed where it has to be done is tried again after a while, each time after twice as long. */
export function postpone(shard: ShardRecord, nowMs: number): void {
  if (shard.only !== undefined) shard.notBeforeMs = nowMs + RETRY_MS * 2 ** (shard.failures.length - 1)
}

/** It is over, or held. */
export function stopAwaiting({ placed }: JobRecord, shard: ShardRecord): void {
  if (shard.only === undefined) return
  const waiting = placed.get(shard.only)
  waiting?.delete(shard)
  if (waiting?.size === 0) placed.delete(shard.only)
}

/**
 * The next shard that this device's peer alone may compute. A job that goes on from its journal waits for the word of
 * that peer alone: those that are gone keep nobody else waiting. All go to one device of the peer while it is there.
 */
export function takePlaced(job: JobRecord, device: DeviceRecord, nowMs: number): ShardRecord | undefined {
  const { worker } = device
  const waiting = job.placed.get(worker.peer)
  if (!waiting || job.awaited.has(worker.peer) || !fits(job, device)) return undefined
  const home = worker.devices.get(job.homes.get(worker.peer) ?? '')
  if (home && home !== device && fits(job, home)) return undefined
  for (const shard of waiting) {
    if (shard.notBeforeMs > nowMs) continue
    stopAwaiting(job, shard)
    const isHeld = [...shard.leases].some((lease) => lease.state !== 'lapsed')
    if (!isHeld) return shard
  }
  return undefined
}
