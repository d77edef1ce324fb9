import { dirname, isAbsolute, join } from 'node:path'
import { sha256 } from '../../base/hash.ts'
import type { System } from './system.ts'

/** What WebGPU computes on, as far as the system tells. */
export interface Graphics {
  /** Vendor and device of each GPU by their PCI numbers (`10de.2330`); `software`, or `metal`, whose GPU is the processor's. */
  readonly model: string
  /** Of what lies between WebGPU and the GPU; `undefined` where the system does not tell. */
  readonly driver: string | undefined
}

const DRIVER_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d']
const PCI = '/sys/bus/pci/devices'

/**
 * The GPUs that WebGPU may choose from, and their drivers. On Linux a driver is named by the content of its Vulkan library:
 * every build of it is another, whatever version it calls itself.
 */
export async function graphicsOf(system: System): Promise<Graphics> {
  if (system.platform === 'darwin') return { model: 'metal', driver: `darwin-${system.release}` }
  if (system.platform !== 'linux') return { model: system.platform, driver: undefined }
  const gpus = system.list(PCI).flatMap((slot) => {
    const [kind, vendor, device] = ['class', 'vendor', 'device'].map((name) => text(system, join(PCI, slot, name)))
    return kind?.startsWith('0x03') ? [`${vendor?.slice(2)}.${device?.slice(2)}`] : []
  })
  const drivers: string[] = []
  for (const manifest of manifests(system)) {
    const library = await libraryOf(system, manifest)
    if (library) drivers.push(sha256(library).slice(0, DRIVER_CHARACTERS))
  }
  const names = [...new Set(drivers)].sort()
  return { model: gpus.sort().join('+') || 'software', driver: names.length === 0 ? undefined : names.join('+') }
}

const DRIVER_CHARACTERS = 12

/** Descriptions of Vulkan drivers, as the loader looks for them (Vulkan-Loader, LoaderDriverInterface). */
function manifests(system: System): string[] {
  const named = system.env.VK_DRIVER_FILES ?? system.env.VK_ICD_FILENAMES
  if (named !== undefined) return named.split(':').filter((path) => path !== '')
  return DRIVER_FOLDERS.flatMap((folder) =>
    system
      .list(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(folder, name)),
  )
}

/** The library that a manifest names: by its path, relative to the manifest, or by a name for the loader. */
async function libraryOf(system: System, manifest: string): Promise<Uint8Array | undefined> {
  const name = /"library_path"\s*:\s*"([^"]+)"/.exec(text(system, manifest) ?? '')?.[1]
  if (name === undefined) return undefined
  if (isAbsolute(name)) return system.read(name)
  if (name.includes('/')) return system.read(join(dirname(manifest), name))
  const path = await system.library(name)
  return path === undefined ? undefined : system.read(path)
}

function text(system: System, path: string): string | undefined {
  const bytes = system.read(path)
  return bytes && new TextDecoder().decode(bytes).trim()
}
