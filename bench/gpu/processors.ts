import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../runtime/base/index.ts'
import type { ProbedDevice } from '../../runtime/compute/device/index.ts'
import { type ChildSettings, EngineChild, type LoadOptions } from '../../runtime/compute/engine/index.ts'
import { NodeDevices } from '../../runtime/node/hosts/devices.ts'
import type { Skipped } from '../report.ts'
import type { Target } from './models.ts'

/** Something that computes in an engine child of its own: some threads of the CPU, or a graphics card. */
export interface Processor {
  readonly name: string
  readonly options: LoadOptions
  readonly target: Target
  /** `undefined` for the CPU. */
  readonly card?: ProbedDevice
  readonly start: () => EngineChild
}

/** One thread and all threads of the CPU, and the cards that this machine's nodes find; what is missing, and why. */
export async function processors(): Promise<{ found: readonly Processor[]; skipped: readonly Skipped[] }> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'aivida-bench-'))
  const config = { engine: 'auto', devices: ['cpu', 'webgpu', 'cuda'], slots: 1, threadsPerSlot: 1 } as const
  const devices = new NodeDevices({ config, cacheDir, clock: systemClock, env: process.env })
  const start = () => startEngine(devices.settings)
  const skipped: Skipped[] = []
  try {
    const found = await devices.search({
      onMissing: (device, { code, message }) => skipped.push({ name: device, reason: `${code}: ${message}` }),
    })
    const threads = availableParallelism()
    const cpu = (count: number): Processor => ({
      ...{ name: `cpu_${count}`, target: 'cpu', start },
      options: { provider: 'cpu', threads: count },
    })
    const cards = found.flatMap((card): Processor[] => {
      const { provider, deviceIndex, model } = card
      if (provider === 'cpu' || provider === 'wasm' || deviceIndex > 0) return []
      if (!model.startsWith('software'))
        return [{ name: provider, options: { provider, deviceIndex }, target: 'portable', card, start }]
      skipped.push({ name: provider, reason: `its driver computes on the CPU (${model})` })
      return []
    })
    return { found: [cpu(1), ...(threads > 1 ? [cpu(threads)] : []), ...cards], skipped }
  } finally {
    await rm(cacheDir, { recursive: true, force: true })
  }
}

function startEngine(settings: Omit<ChildSettings, 'memoryBytes'>): EngineChild {
  return new EngineChild({ clock: systemClock, settings })
}
