import { release } from 'node:os'
import { join } from 'node:path'
import type { AividaError, Clock, Config } from '../../base/index.ts'
import {
  type DeviceKind,
  type ProbedDevice,
  probeDevices,
  type System,
  thisSystem,
} from '../../compute/device/index.ts'
import { type ChildSettings, EngineChild, gpuEnvironment, type LoadOptions } from '../../compute/engine/index.ts'

/** What {@link NodeDevices} needs. */
export interface NodeDevicesInit {
  readonly config: Pick<Config, 'engine' | 'devices' | 'slots' | 'threadsPerSlot'>
  /** Of proofs. */
  readonly cacheDir: string
  readonly clock: Clock
  /** Of this process: it says where GPUs are. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** How to look for devices. */
export interface SearchOptions {
  /** Default: those of the configuration. */
  readonly devices?: readonly DeviceKind[]
  readonly slots?: number
  readonly onMissing?: (device: DeviceKind, error: AividaError) => void
  readonly signal?: AbortSignal
}

/** What a node computes on: the engine that its children are, and the devices that were found. */
export class NodeDevices {
  readonly settings: Omit<ChildSettings, 'memoryBytes'>
  readonly system: System
  readonly #init: NodeDevicesInit
  #found: readonly ProbedDevice[] = []

  constructor(init: NodeDevicesInit) {
    this.#init = init
    const environment = gpuEnvironment(init.env)
    this.settings = { engine: init.config.engine, environment }
    // Programs such as nvidia-smi need a PATH, which engines do not.
    this.system = thisSystem({ ...init.env, ...environment }, release())
  }

  /** An engine child of this node's kind, for its caller to end. */
  start(): EngineChild {
    return new EngineChild({ clock: this.#init.clock, settings: this.settings })
  }

  /** Looks for devices and keeps them. Throws as {@link probeDevices} does. */
  async search({ slots, ...options }: SearchOptions = {}): Promise<readonly ProbedDevice[]> {
    const { config, cacheDir } = this.#init
    const given = slots ?? (config.slots === 'auto' ? undefined : config.slots)
    this.#found = await probeDevices({
      start: () => this.start(),
      system: this.system,
      devices: config.devices,
      cacheFile: join(cacheDir, 'classes.json'),
      threadsPerSlot: config.threadsPerSlot,
      ...(given !== undefined && { slots: given }),
      ...options,
    })
    return this.#found
  }

  /** How an engine is told of a device that was found. */
  loadOptions(device: string): Pick<LoadOptions, 'provider' | 'deviceIndex'> {
    const found = this.#found.find(({ id }) => id === device)
    return found ? { provider: found.provider, deviceIndex: found.deviceIndex } : {}
  }
}
