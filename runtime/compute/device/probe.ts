import { AividaError, isAividaError } from '../../base/errors.ts'
import { limit } from '../../base/limits.ts'
import type { Device } from '../../protocol/requirements.ts'
import type { EngineInfo, OptimizationLevel } from '../engine/engine.ts'
import { type Cpu, describeCpu, type Machine, readMachine } from './cpu.ts'
import { cudaProviderPath } from './cuda-download.ts'
import { determinismClass, type EndableEngine, type Hardware, provesExact } from './determinism.ts'
import { ExactCache } from './exact-cache.ts'
import { graphicsOf } from './graphics.ts'
import { cudaLibraries, cudaRelease, nvidiaGpus } from './nvidia.ts'
import { libraryVersion, type System } from './system.ts'

/** What a node may be told to compute on. */
export type DeviceKind = 'cpu' | 'webgpu' | 'cuda'

/** A device as its own node finds it; isolation, kinds of work and tier are for the node to add. */
export interface ProbedDevice extends Omit<Device, 'sandboxLevel' | 'kinds' | 'tier'> {
  /** Which of several GPUs. */
  readonly deviceIndex: number
  /** Threads that one slot should be given. */
  readonly threadsPerSlot: number
}

/** What {@link probeDevices} needs. */
export interface ProbeInit {
  /** Starts an engine child. */
  readonly start: () => EndableEngine
  /** What to look for. Default: the CPU alone. */
  readonly devices?: readonly DeviceKind[]
  /** Asked about GPUs. Without it there are none. */
  readonly system?: System
  /** Hears why a GPU that was asked for is left out: `engine.no-provider`, `device.*`. */
  readonly onMissing?: (device: DeviceKind, error: AividaError) => void
  /** Where proofs of exactness are kept between starts. Default: nowhere, so each start proves anew. */
  readonly cacheFile?: string
  /** Default: this machine. */
  readonly machine?: Machine
  /** Of the CPU. Default: as many as the cores, at `threadsPerSlot` each, and the memory allow. */
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
 * What this machine can compute on. A GPU is left out, and told of, unless a run on it succeeds. The first start on a
 * machine proves whether each class is exact, which takes two children and about a second. Throws what the engine throws
 * on the CPU.
 */
export async function probeDevices(init: ProbeInit): Promise<ProbedDevice[]> {
  const machine = init.machine ?? readMachine()
  const cpu = describeCpu(machine)
  const found: ProbedDevice[] = []
  for (const kind of init.devices ?? ['cpu'])
    try {
      found.push(
        ...(kind === 'cpu' ? [await probeHost(init, machine, cpu)] : await probeGpus(init, kind, machine, cpu)),
      )
    } catch (error) {
      if (kind === 'cpu' || !isAividaError(error)) throw error
      init.onMissing?.(kind, error)
    }
  return found
}

/** Of a machine's memory; the rest is for its owner and the node. */
const USABLE_MEMORY = 0.75

/** The processor, by whatever the engine has for it. */
async function probeHost(init: ProbeInit, machine: Machine, cpu: Cpu): Promise<ProbedDevice> {
  const engine = await infoOf(init.start)
  const on: Hardware = engine.providers.includes('wasm')
    ? { provider: 'wasm' }
    : { provider: 'cpu', instructionSet: cpu.instructionSet }
  const threadsPerSlot = init.threadsPerSlot ?? 1
  const usableBytes = Math.floor(machine.memoryBytes * USABLE_MEMORY)
  const fitting = Math.min(Math.floor(cpu.cores / threadsPerSlot), Math.floor(usableBytes / limit('slotMemoryBytes')))
  const slots = init.slots ?? Math.max(1, Math.min(fitting, limit('engineChildren')))
  const memoryBytes = Math.min(Math.floor(usableBytes / Math.max(1, slots)), limit('engineMemoryBytes'))
  const { provider } = on
  const device = { id: provider, provider, deviceIndex: 0, model: cpu.model.slice(0, 256), slots, threadsPerSlot }
  return { ...device, memoryBytes, ...(await classify(init, engine, on, 0)) }
}

/** Each GPU is one slot: two runs would only take turns on it. */
async function probeGpus(
  init: ProbeInit,
  provider: 'webgpu' | 'cuda',
  machine: Machine,
  cpu: Cpu,
): Promise<ProbedDevice[]> {
  const engine = await infoOf(init.start)
  const gpus = init.system ? await gpusOf(init.system, provider, cpu) : []
  if (gpus.length === 0) throw noGpu(provider)
  const usableBytes = Math.min(Math.floor(machine.memoryBytes * USABLE_MEMORY), limit('engineMemoryBytes'))
  const devices: ProbedDevice[] = []
  for (const [deviceIndex, { on, model, memoryBytes = usableBytes }] of gpus.entries()) {
    const id = provider === 'cuda' ? `cuda:${deviceIndex}` : provider
    const device = { id, provider, deviceIndex, model: model.slice(0, 256), slots: 1, threadsPerSlot: 1 }
    const proven = await classify(init, engine, on, deviceIndex)
    devices.push({ ...device, memoryBytes: Math.min(usableBytes, memoryBytes), ...proven })
  }
  return devices
}

interface Gpu {
  readonly on: Hardware
  readonly model: string
  readonly memoryBytes?: number
}

async function gpusOf(system: System, provider: 'webgpu' | 'cuda', cpu: Cpu): Promise<Gpu[]> {
  if (provider === 'webgpu') {
    const { model, driver } = await graphicsOf(system)
    // A driver that computes on the CPU does so as the CPU can.
    const parts = { software: cpu.instructionSet, metal: cpu.model }
    const hardware = model in parts ? `${model}.${parts[model as keyof typeof parts]}` : model
    return [{ on: { provider, model: hardware, driver: driver ?? UNKNOWN }, model: hardware }]
  }
  const libraries = await cudaLibraries(system, cudaRelease(system, cudaProviderPath()))
  const versions = libraries.map(({ name, path }) => [
    name,
    (path === undefined ? undefined : libraryVersion(system, path)) ?? UNKNOWN,
  ])
  const tf32 = system.env.NVIDIA_TF32_OVERRIDE !== '0'
  return (await nvidiaGpus(system)).map(({ model, computeCapability, driver, memoryBytes }) => ({
    on: { provider, model, computeCapability, driver, libraries: Object.fromEntries(versions), tf32 },
    model,
    memoryBytes,
  }))
}

/** What a system does not tell. A class that holds it is never exact: what it does not name may change. */
const UNKNOWN = 'unknown'

function noGpu(provider: string): AividaError {
  return new AividaError({
    code: 'device.no-gpu',
    category: 'platform',
    message: `expected a GPU for ${provider}, found none: ${provider === 'cuda' ? 'nvidia-smi lists none here' : 'no graphics driver here'}`,
    facts: { provider },
  })
}

async function infoOf(start: ProbeInit['start']): Promise<EngineInfo> {
  const engine = start()
  try {
    return await engine.info()
  } finally {
    await engine.kill()
  }
}

async function classify(
  init: ProbeInit,
  engine: EngineInfo,
  on: Hardware,
  deviceIndex: number,
): Promise<{ determinismClass: string; exact: boolean }> {
  const { start, signal, optimization = 'all', nodeVersion = process.version } = init
  const cache = init.cacheFile === undefined ? undefined : new ExactCache(init.cacheFile)
  const name = determinismClass({ engine, on, optimization })
  const known = await cache?.get(name, nodeVersion)
  if (known !== undefined) return { determinismClass: name, exact: known && mayBeExact(on, name) }
  const agrees = await provesExact(start, { provider: on.provider, deviceIndex, optimization }, signal)
  const exact = agrees && mayBeExact(on, name)
  await cache?.set(name, nodeVersion, exact)
  return { determinismClass: name, exact }
}

/**
 * Whether the probe graph's word is enough. Not for CUDA: on an H100 two engines agreed on it and on all models' outputs, and
 * came to different bits after five steps of a residual network (bench/README.md).
 */
function mayBeExact({ provider }: Hardware, name: string): boolean {
  return provider !== 'cuda' && !name.includes(UNKNOWN)
}
