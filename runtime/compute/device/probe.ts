import { limit } from '../../base/limits.ts'
import type { Device } from '../../protocol/requirements.ts'
import type { OptimizationLevel } from '../engine/engine.ts'
import { describeCpu, type Machine, readMachine } from './cpu.ts'
import { determinismClass, type EndableEngine, provesExact } from './determinism.ts'
import { ExactCache } from './exact-cache.ts'

/** A device as its own node finds it; isolation, kinds of work and tier are for the node to add. */
export interface ProbedDevice extends Omit<Device, 'sandboxLevel' | 'kinds' | 'tier'> {
  readonly instructionSet: string
  /** Threads that one slot should be given. */
  readonly threadsPerSlot: number
}

/** What {@link probeDevices} needs. */
export interface ProbeInit {
  /** Starts an engine child. */
  readonly start: () => EndableEngine
  /** Where proofs of exactness are kept between starts. Default: nowhere, so each start proves anew. */
  readonly cacheFile?: string
  /** Default: this machine. */
  readonly machine?: Machine
  /** Default: as many as the cores, at `threadsPerSlot` each, and the memory allow. */
  readonly slots?: number
  /** Default: 1; engines of one thread share a machine best. */
  readonly threadsPerSlot?: number
  /** Default: `all`. */
  readonly optimization?: OptimizationLevel
  /** Default: the one running. */
  readonly nodeVersion?: string
  readonly signal?: AbortSignal
}

/**
 * What this machine can compute on; the CPU, for now. The first start on a machine proves whether its class is exact,
 * which takes two children and about a second. Throws what the engine throws.
 */
export async function probeDevices(init: ProbeInit): Promise<ProbedDevice[]> {
  const machine = init.machine ?? readMachine()
  const cpu = describeCpu(machine)
  const threadsPerSlot = init.threadsPerSlot ?? 1
  const usableBytes = Math.floor(machine.memoryBytes * USABLE_MEMORY)
  const fitting = Math.min(Math.floor(cpu.cores / threadsPerSlot), Math.floor(usableBytes / limit('slotMemoryBytes')))
  const slots = init.slots ?? Math.max(1, Math.min(fitting, limit('engineChildren')))
  const device = { id: 'cpu', provider: 'cpu', model: cpu.model.slice(0, 256), slots, threadsPerSlot } as const
  const memoryBytes = Math.min(Math.floor(usableBytes / Math.max(1, slots)), limit('engineMemoryBytes'))
  const { instructionSet } = cpu
  return [{ ...device, memoryBytes, instructionSet, ...(await classify(init, instructionSet)) }]
}

/** Of a machine's memory; the rest is for its owner and the node. */
const USABLE_MEMORY = 0.75

async function classify(
  init: ProbeInit,
  instructionSet: string,
): Promise<{ determinismClass: string; exact: boolean }> {
  const { start, signal, optimization = 'all', nodeVersion = process.version } = init
  const [provider, cache] = ['cpu' as const, init.cacheFile === undefined ? undefined : new ExactCache(init.cacheFile)]
  const engine = start()
  try {
    const name = determinismClass({ engine: await engine.info(), provider, instructionSet, optimization })
    const known = await cache?.get(name, nodeVersion)
    if (known !== undefined) return { determinismClass: name, exact: known }
    const exact = await provesExact(start, provider, optimization, signal)
    await cache?.set(name, nodeVersion, exact)
    return { determinismClass: name, exact }
  } finally {
    await engine.kill()
  }
}
