import { assertNever, limit, trimFairly } from '../../base/index.ts'
import { type Device, type Lease, type RefusalReason, refusal } from '../../protocol/index.ts'
import { groupFrom, notePace } from './groups.ts'
import type { Declined, Held, WorkerEvent, WorkerInstruction, WorkerState } from './state.ts'

export * from './state.ts'

/** Places on a device beyond its slots, all submitters together ... */
const QUEUE_PER_SLOT = 4
/** ... each taken by one lease, or by as many short ones as take about this long together. */
const PLACE_MS = 100
/** A busy worker is asked again after this. */
const BUSY_RETRY_MS = 500
/** What will not change by itself is asked again after this. */
const REFUSED_RETRY_MS = 10_000
/** Jobs whose newest epoch is remembered. */
const EPOCHS = 4_096

/**
 * A worker's side of its leases, as a pure machine: takes or declines offers, fetches ahead, fills the slots, extends
 * what is in progress, drops what is called off. Time is monotonic milliseconds.
 */
export function step(state: WorkerState, event: WorkerEvent, nowMs: number): WorkerInstruction[] {
  switch (event.type) {
    case 'offer':
      return [...answer(state, event, nowMs), ...fill(state)]
    case 'fetched': {
      const held = state.held.get(event.lease)
      if (held?.phase === 'fetching') held.phase = 'ready'
      return fill(state)
    }
    case 'computed':
      computed(state, event)
      return fill(state)
    case 'stopped':
      stopped(state, event)
      return fill(state)
    case 'finished':
      return [...drop(state, event.lease), ...fill(state)]
    case 'cancel':
      return [...cancel(state, event), ...fill(state)]
    case 'submitter-lost':
      // what runs ends by itself, and its result waits for the submitter to come back
      return [...abortAll(state, (held) => held.from === event.peer && held.phase !== 'running'), ...fill(state)]
    case 'roll-call':
      return [...rollCall(state, event), ...fill(state)]
    case 'devices':
      setDevices(state, event.devices)
      return fill(state)
    case 'drain':
      state.draining = true
      return abortAll(state, (held) => held.phase !== 'running')
    case 'tick':
      return extend(state, nowMs)
    default:
      return assertNever(event)
  }
}

function answer(
  state: WorkerState,
  offer: Extract<WorkerEvent, { type: 'offer' }>,
  nowMs: number,
): WorkerInstruction[] {
  const accepted: Lease[] = []
  const declined: Declined[] = []
  const taken = placesTaken(state)
  for (const lease of offer.leases) {
    if (state.held.has(lease.id)) continue // offered twice: it was accepted then
    const no = decline(state, lease, taken, offer.barred?.has(lease.job) ?? false)
    if (no) {
      declined.push({ lease: lease.id, ...no })
      continue
    }
    taken.add(lease)
    rememberEpoch(state, lease, offer.from)
    accepted.push(lease)
    const leader = offer.known.has(lease.id) ? undefined : sameWork(state, lease)
    state.held.set(lease.id, {
      lease,
      from: offer.from,
      phase: leader === undefined ? 'fetching' : 'following',
      leader,
      alone: false,
      extendAtMs: nowMs + lease.durationMs / 3,
    })
    if (leader !== undefined) state.following++
  }
  const out: WorkerInstruction[] = []
  if (accepted.length > 0) out.push({ type: 'accept', to: offer.from, leases: accepted.map((lease) => lease.id) })
  if (declined.length > 0) out.push({ type: 'decline', to: offer.from, leases: declined })
  for (const lease of accepted)
    if (state.held.get(lease.id)?.phase === 'fetching')
      out.push({ type: offer.known.has(lease.id) ? 'replay' : 'fetch', lease, from: offer.from })
  return out
}

/** What is taken of each device's places, and of each account's share. */
function placesTaken(state: WorkerState) {
  const devices = new Map<string, number>()
  const accounts = new Map<string, number>()
  const placeOf = ({ job }: Lease) => Math.min(1, (state.paces.get(job) ?? PLACE_MS) / PLACE_MS)
  const add = (lease: Lease, place = placeOf(lease)) => {
    devices.set(lease.device, (devices.get(lease.device) ?? 0) + place)
    accounts.set(lease.account, (accounts.get(lease.account) ?? 0) + 1)
  }
  for (const { lease, phase } of state.held.values()) add(lease, phase === 'ending' ? 0 : placeOf(lease))
  return { devices, accounts, add }
}

/** Why a lease is not taken, or `undefined`. */
function decline(
  state: WorkerState,
  lease: Lease,
  taken: ReturnType<typeof placesTaken>,
  barred: boolean,
): Omit<Declined, 'lease'> | undefined {
  const no = (reason: RefusalReason, message: string, retryAfterMs = REFUSED_RETRY_MS) => ({
    reason,
    message,
    retryAfterMs,
  })
  const entry = state.devices.get(lease.device)
  if (lease.worker !== state.node || !entry)
    return no('not-leased-here', `this is ${state.node} with devices ${[...state.devices.keys()].join(', ')}`)
  if (state.draining) return no('draining', 'this node is shutting down')
  // First: an epoch that another node has claimed says nothing against this one's.
  if (barred) return no('signature', 'another node coordinates this job, and no adoption was shown')
  const newest = epochOf(state, lease.job)
  if (lease.epoch < newest) return no('epoch', `epoch ${newest} has spoken for this job, the lease says ${lease.epoch}`)
  const misfit = refusal(lease.requirements, lease.spec.kind, state.node, entry.device)
  if (misfit) return no(misfit, `the device does not meet the job's requirements`)
  const ofAccount = taken.accounts.get(lease.account) ?? 0
  if (ofAccount >= limit('leasesPerAccount'))
    return no('quota', `the account holds ${ofAccount} leases here already`, BUSY_RETRY_MS)
  const places = entry.device.slots * (1 + QUEUE_PER_SLOT)
  if ((taken.devices.get(lease.device) ?? 0) >= places || state.held.size >= limit('leasesPerWorker'))
    return no('busy', `the ${places} places of this device are taken`, BUSY_RETRY_MS)
  return undefined
}

/** The lease under which the same work is being done here already. */
function sameWork(state: WorkerState, { shard, account, device }: Lease): string | undefined {
  const classOf = (id: string) => state.devices.get(id)?.device.determinismClass
  for (const { lease, leader } of state.held.values())
    if (leader === undefined && lease.shard === shard && lease.account === account)
      if (classOf(lease.device) === classOf(device)) return lease.id
  return undefined
}

function epochOf(state: WorkerState, job: string): number {
  return state.epochs.get(job)?.epoch ?? 0
}

function rememberEpoch(state: WorkerState, { job, epoch }: Pick<Lease, 'job' | 'epoch'>, from: string): void {
  state.epochs.delete(job) // re-inserted last: what was not heard of longest goes first
  state.epochs.set(job, { epoch, from })
  trimFairly(state.epochs, EPOCHS, (each) => each.from ?? '')
}

/** The slot is free; the leases stay until their results are durable, so that the same work is not begun again. */
function computed(
  state: WorkerState,
  { device, slot, leases, computeMs }: Extract<WorkerEvent, { type: 'computed' }>,
): void {
  state.devices.get(device)?.busy.delete(slot)
  for (const id of leases) {
    const held = state.held.get(id)
    if (held?.phase !== 'running') continue
    held.phase = 'ending'
    notePace(state, held.lease.job, computeMs / leases.length)
  }
}

function stopped(state: WorkerState, { device, slot, again, alone }: Extract<WorkerEvent, { type: 'stopped' }>): void {
  state.devices.get(device)?.busy.delete(slot)
  for (const id of again) {
    const held = state.held.get(id)
    if (held?.phase !== 'running') continue
    held.phase = 'ready'
    held.alone ||= alone
  }
}

/**
 * Leases of the coordinator's jobs are its own from now on, under whatever epoch they were given. Called off are those
 * that an earlier epoch gave and whose inputs are not here yet (they went with it), and those of jobs it has no more.
 */
function rollCall(state: WorkerState, call: Extract<WorkerEvent, { type: 'roll-call' }>): WorkerInstruction[] {
  const jobs = call.jobs.filter(({ job, epoch }) => epoch >= epochOf(state, job))
  const epochs = new Map(jobs.map(({ job, epoch }) => [job, epoch]))
  for (const job of jobs) if (state.epochs.has(job.job) || job.adoption) rememberEpoch(state, job, call.from)
  for (const held of state.held.values()) if (epochs.has(held.lease.job)) held.from = call.from
  const doomed = abortAll(state, ({ lease, from, phase }) => {
    if (from !== call.from || phase === 'running') return false
    const epoch = epochs.get(lease.job)
    return epoch === undefined || (lease.epoch < epoch && phase !== 'ready')
  })
  const leases = [...state.held.values()].map(({ lease }) => lease).filter((lease) => epochs.has(lease.job))
  return [...doomed, { type: 'answer', to: call.from, jobs, leases }]
}

/** Gives free slots to leases whose inputs are here, first come first served. */
function fill(state: WorkerState): WorkerInstruction[] {
  const out: WorkerInstruction[] = []
  if (![...state.devices.values()].some((entry) => freeSlot(entry) !== undefined)) return out
  for (const held of state.held.values()) {
    if (held.phase !== 'ready') continue
    const entry = state.devices.get(held.lease.device)
    const slot = entry && freeSlot(entry)
    if (entry === undefined || slot === undefined) continue
    entry.busy.add(slot)
    const group = groupFrom(state, held)
    for (const each of group) each.phase = 'running'
    out.push({ type: 'run', leases: group.map(({ lease }) => lease), slot })
  }
  return out
}

function freeSlot({ device, busy }: { device: Device; busy: Set<number> }): number | undefined {
  for (let slot = 0; slot < device.slots; slot++) if (!busy.has(slot)) return slot
  return undefined
}

function cancel(state: WorkerState, event: Extract<WorkerEvent, { type: 'cancel' }>): WorkerInstruction[] {
  const named = new Set(event.leases)
  return abortAll(
    state,
    (held) =>
      named.has(held.lease.id) &&
      held.from === event.from &&
      // somebody else was first: killing the child would cost more than letting it end
      !(event.reason === 'superseded' && held.phase === 'running'),
  )
}

function abortAll(state: WorkerState, which: (held: Held) => boolean): WorkerInstruction[] {
  const doomed = [...state.held.values()].filter((held) => held.phase !== 'ending' && which(held))
  const heirs = doomed.flatMap((held) => drop(state, held.lease.id))
  return [
    ...doomed.map((held): WorkerInstruction => ({ type: 'abort', lease: held.lease.id })),
    ...heirs.filter((heir) => heir.type !== 'replay' || state.held.has(heir.lease.id)), // some were doomed themselves
  ]
}

/** A lease is over. Of those that followed it, the first one goes ahead: its result is known now, or it computes. */
function drop(state: WorkerState, id: string): WorkerInstruction[] {
  const held = state.held.get(id)
  if (!held) return []
  state.held.delete(id)
  if (held.phase === 'following') state.following--
  if (state.following === 0) return []
  const [first, ...others] = [...state.held.values()].filter(({ leader }) => leader === id)
  if (!first) return []
  first.leader = undefined
  first.phase = 'fetching'
  state.following--
  for (const other of others) other.leader = first.lease.id
  return [{ type: 'replay', lease: first.lease, from: first.from }]
}

function setDevices(state: WorkerState, devices: readonly Device[]): void {
  state.devices = new Map(
    devices.map((device) => [device.id, { device, busy: state.devices.get(device.id)?.busy ?? new Set<number>() }]),
  )
}

/** Tells submitters which leases are being worked on, three times a lease's duration. */
function extend(state: WorkerState, nowMs: number): WorkerInstruction[] {
  const due = [...state.held.values()].filter((held) => held.extendAtMs <= nowMs)
  for (const held of due) held.extendAtMs = nowMs + held.lease.durationMs / 3
  return [...Map.groupBy(due, (held) => held.from)].map(([to, group]) => ({
    type: 'progress',
    to,
    leases: group.map((held) => held.lease.id),
  }))
}
