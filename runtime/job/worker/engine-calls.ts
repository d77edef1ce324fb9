import { aborted } from '../../base/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { BlobRef, Lease, Receipt, ReduceShard, TrainingProgress, TrainShard } from '../../protocol/index.ts'
import type { KnownResult } from '../journal/index.ts'
import type { WorkerEvent } from './machine.ts'
import type { Computed, Trained, WorkerPorts } from './ports.ts'

/** A lease's inputs on their way to the engine, and what calls the work off. */
export interface Work {
  readonly from: string
  readonly abort: AbortController
  inputs: Uint8Array | undefined
  /** Ends the engine call that it is in. */
  callOff?: () => void
}

/** A lease whose result is here. */
export interface Finished {
  readonly lease: Lease
  readonly work: Work
  readonly known: KnownResult
  /** When it began to be computed; `undefined` when the result was known. */
  readonly startedWallMs: number | undefined
}

/** What {@link EngineCalls} needs of its worker. */
export interface EngineCallsInit {
  readonly ports: Pick<
    WorkerPorts,
    | 'clock'
    | 'swarm'
    | 'decodeInputs'
    | 'compute'
    | 'train'
    | 'reduce'
    | 'putOutputs'
    | 'dropOutputs'
    | 'determinismClassOf'
  >
  readonly work: ReadonlyMap<string, Work>
  readonly dispatch: (event: WorkerEvent) => void
  /** Never rejects. */
  readonly report: (finished: readonly Finished[]) => Promise<void>
  /** A shard of training has come so far. */
  readonly progress: (lease: Lease, progress: TrainingProgress) => void
  readonly finish: (lease: Lease, work: Work, error: unknown) => void
}

interface Ready {
  readonly lease: Lease
  readonly work: Work
  readonly tensors: NamedTensors
}

/** How far a training has come is told this often. */
const TELL_MS = 500

/** Takes leases through the engine, those of a group in one call, and their results to the report. */
export class EngineCalls {
  readonly #init: EngineCallsInit

  constructor(init: EngineCallsInit) {
    this.#init = init
  }

  /** One engine call. When it fails as a whole, those that were in it with others are run again, each by itself. */
  async run(leases: readonly Lease[], slot: number): Promise<void> {
    const { ports, dispatch, finish } = this.#init
    const [{ spec }] = leases as [Lease]
    if (spec.kind !== 'infer') return this.#single(leases[0]!, spec, slot)
    const { device } = leases[0]!
    const group = this.#decoded(leases)
    const abort = new AbortController()
    for (const { work } of group) work.callOff = () => abort.abort(aborted('a lease was called off'))
    const startedWallMs = ports.clock.wallMs()
    const ids = group.map(({ lease }) => lease.id)
    let ran: Computed
    try {
      ran = await this.#compute(group, slot, abort.signal)
    } catch (error) {
      const live = group.filter(({ work }) => !work.abort.signal.aborted)
      const again = group.length > 1 ? live.map(({ lease }) => lease.id) : []
      dispatch({ type: 'stopped', device, slot, again, alone: !abort.signal.aborted })
      if (group.length === 1) finish(group[0]!.lease, group[0]!.work, error)
      return
    }
    dispatch({ type: 'computed', device, slot, leases: ids, computeMs: ran.computeMs })
    await this.#put(group, ran, startedWallMs) // the slot is free: what follows is disk and network
  }

  /** Leases with their inputs as tensors; those whose inputs are none are over. */
  #decoded(leases: readonly Lease[]): Ready[] {
    const { ports, work: known, finish } = this.#init
    return leases.flatMap((lease) => {
      const work = known.get(lease.id)
      if (!work?.inputs) return [] // called off in this very turn
      try {
        return { lease, work, tensors: ports.decodeInputs(work.inputs) }
      } catch (error) {
        finish(lease, work, error)
        return []
      }
    })
  }

  /** A shard of training or of a round: a call by itself, whose state is kept before the slot is free. */
  async #single(lease: Lease, shard: TrainShard | ReduceShard, slot: number): Promise<void> {
    const { ports, work: known, dispatch, report, finish } = this.#init
    const { id, device } = lease
    const work = known.get(id)
    if (!work) {
      dispatch({ type: 'stopped', device, slot, again: [], alone: false }) // called off in this very turn
      return
    }
    const { signal } = work.abort
    const startedWallMs = ports.clock.wallMs()
    let trained: Trained
    try {
      trained = await this.#computed(lease, shard, slot, signal)
    } catch (error) {
      dispatch({ type: 'stopped', device, slot, again: [], alone: true })
      finish(lease, work, error)
      return
    }
    const { metrics, state, updates, commitments, computeMs } = trained
    dispatch({ type: 'computed', device, slot, leases: [id], computeMs })
    try {
      const { ref: outputs, inline } = await ports.putOutputs(metrics)
      const receipt: Receipt = {
        ...this.#receipt(lease, outputs, computeMs),
        ...(state && { state }),
        ...(commitments.length > 0 && { commitments: [...commitments] }),
        ...(updates.length > 0 && { updates: [...updates] }),
      }
      await report([{ lease, work, known: { receipt, inline }, startedWallMs }])
    } catch (error) {
      for (const ref of state ? [state, ...updates] : updates) ports.dropOutputs(ref)
      finish(lease, work, error)
    }
  }

  #computed(lease: Lease, shard: TrainShard | ReduceShard, slot: number, signal: AbortSignal): Promise<Trained> {
    const { ports, progress } = this.#init
    if (shard.kind === 'reduce') return ports.reduce(lease, shard, slot, signal)
    let toldMs = Number.NEGATIVE_INFINITY
    const onSteps = (steps: TrainingProgress) => {
      const nowMs = ports.clock.monoMs()
      if (nowMs - toldMs < TELL_MS) return
      toldMs = nowMs
      progress(lease, steps)
    }
    return ports.train(lease, shard, slot, { signal, onSteps })
  }

  async #compute(group: readonly Ready[], slot: number, signal: AbortSignal): Promise<Computed> {
    if (group.length === 0) return { results: [], computeMs: 0 }
    const [leases, inputs] = [group.map(({ lease }) => lease), group.map(({ tensors }) => tensors)]
    const ran = await this.#init.ports.compute(leases, slot, inputs, signal)
    if (signal.aborted) throw aborted('a lease was called off')
    return ran
  }

  #receipt({ id, job, epoch, shard, device }: Lease, outputs: BlobRef, computeMs: number): Receipt {
    const { ports } = this.#init
    const determinismClass = ports.determinismClassOf(device)
    return { lease: id, job, epoch, shard, worker: ports.swarm.self, device, determinismClass, outputs, computeMs }
  }

  async #put(group: readonly Ready[], { results, computeMs }: Computed, startedWallMs: number): Promise<void> {
    const { ports, report, finish } = this.#init
    const put = async ({ lease, work }: Ready, i: number): Promise<Finished | undefined> => {
      const result = results[i]!
      work.inputs = undefined
      try {
        if ('error' in result) throw result.error
        const { ref: outputs, inline } = await ports.putOutputs(result.outputs)
        const receipt = this.#receipt(lease, outputs, computeMs / group.length)
        return { lease, work, known: { receipt, inline }, startedWallMs }
      } catch (error) {
        finish(lease, work, error)
        return undefined
      }
    }
    const finished = await Promise.all(group.map(put))
    await report(finished.filter((each) => each !== undefined))
  }
}
