import type { DeviceRecord, SchedulerState } from './state.ts'

/** A pace is measured over this time at least: receipts come in groups. */
const WINDOW_MS = 50

/** A lease begins on a device: one that had none has not been slow meanwhile. */
export function noteLease({ leases, pace }: DeviceRecord, nowMs: number): void {
  if (leases.size > 0) return
  pace.sinceMs = nowMs
  pace.count = 0
}

/** A receipt came. */
export function noteReceipt({ pace }: DeviceRecord, nowMs: number): void {
  pace.count++
  if (nowMs - pace.sinceMs < WINDOW_MS) return
  const ms = (nowMs - pace.sinceMs) / pace.count
  pace.ms = pace.ms === undefined ? ms : (pace.ms + ms) / 2
  pace.sinceMs = nowMs
  pace.count = 0
}

/** Leases with which a device is well provided; one that has fewer is given more. */
export function lowWater(state: SchedulerState, device: DeviceRecord): number {
  const { slots } = device.device
  return slots + Math.max(least(state, device), Math.floor(ahead(state, device) / 2))
}

/**
 * Leases up to which a device is provided: as many as it gets through in `aheadMs`, but no more than its even share of
 * what is `pending`, or one would hold what others could be computing when the end comes near.
 */
export function highWater(state: SchedulerState, device: DeviceRecord, pending: number): number {
  const share = Math.ceil(pending / Math.max(1, state.workers.size))
  return device.device.slots + Math.max(least(state, device), Math.min(ahead(state, device), share))
}

function least({ options }: SchedulerState, { device }: DeviceRecord): number {
  return device.slots * options.prefetchPerSlot
}

function ahead({ options }: SchedulerState, { pace }: DeviceRecord): number {
  return pace.ms === undefined ? 0 : Math.min(options.maxAhead, Math.floor(options.aheadMs / pace.ms))
}
