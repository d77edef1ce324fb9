import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { AividaError, userError } from '../../runtime/base/index.ts'
import { VERSION } from '../../runtime/node/version.ts'
import { writeLogos } from './logo.ts'

/** The name of the kernel, and of its folder: what notebooks say they are written for. */
export const KERNEL_NAME = 'aivida'

/** `kernel.json` (https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs), with a mark of ours. */
const kernelspecSchema = z.object({
  argv: z.array(z.string()).min(1),
  display_name: z.string(),
  language: z.string(),
  interrupt_mode: z.enum(['signal', 'message']).optional(),
  env: z.record(z.string(), z.string()).optional(),
  metadata: z.looseObject({ aivida: z.object({ version: z.string() }).optional() }).optional(),
})

/** See `kernel.json` in Jupyter's documentation. */
export type Kernelspec = z.infer<typeof kernelspecSchema>

/** A kernelspec of this name that Jupyter could find. */
export interface InstalledKernelspec {
  /** The folder with `kernel.json`. */
  readonly folder: string
  /** `undefined` when the file cannot be read. */
  readonly spec: Kernelspec | undefined
}

/** What starts the kernel of this package: plain JavaScript, in a checkout and installed. */
export function launcher(): string {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  return fileURLToPath(new URL(`${root}/kernel/launch.js`, import.meta.url))
}

/** The kernelspec of this package under this Node. `env`: what the kernel's process finds, such as its node's folder. */
export function ownKernelspec(node: string, env: Readonly<Record<string, string>> = {}): Kernelspec {
  return {
    argv: [node, launcher(), '{connection_file}'],
    display_name: 'Aivida',
    language: 'typescript',
    interrupt_mode: 'message', // it stops what computes, too; a signal would be heard by all processes that cells began
    ...(Object.keys(env).length > 0 && { env: { ...env } }),
    metadata: { debugger: false, aivida: { version: VERSION } },
  }
}

/** Where a kernelspec lies in a folder of Jupyter's data. */
export function kernelspecFolder(dataFolder: string): string {
  return join(dataFolder, 'kernels', KERNEL_NAME)
}

/**
 * Puts a kernelspec in place, whole or not at all; one of ours that is there is replaced. Returns its folder. Throws
 * `kernel.name-taken` when one of another program's is there.
 */
export async function writeKernelspec(dataFolder: string, spec: Kernelspec): Promise<string> {
  const folder = kernelspecFolder(dataFolder)
  if (existsSync(folder)) await checkOurs(folder)
  await mkdir(join(dataFolder, 'kernels'), { recursive: true })
  const made = await mkdtemp(join(dataFolder, 'kernels', `.${KERNEL_NAME}-`))
  try {
    await writeFile(join(made, 'kernel.json'), `${JSON.stringify(spec, undefined, 2)}\n`)
    await writeLogos(made)
    await rm(folder, { recursive: true, force: true })
    await rename(made, folder)
  } catch (error) {
    await rm(made, { recursive: true, force: true })
    throw error
  }
  return folder
}

/** Removes a kernelspec of ours. Returns whether there was one. Throws `kernel.name-taken`. */
export async function removeKernelspec(dataFolder: string): Promise<boolean> {
  const folder = kernelspecFolder(dataFolder)
  if (!existsSync(folder)) return false
  await checkOurs(folder)
  await rm(folder, { recursive: true })
  return true
}

/** The kernelspecs of this name in these folders, in their order: Jupyter takes the first. */
export async function findKernelspecs(dataFolders: readonly string[]): Promise<InstalledKernelspec[]> {
  const folders = dataFolders.map(kernelspecFolder).filter((folder) => existsSync(join(folder, 'kernel.json')))
  return Promise.all(folders.map(async (folder) => ({ folder, spec: await readKernelspec(folder) })))
}

async function readKernelspec(folder: string): Promise<Kernelspec | undefined> {
  try {
    return kernelspecSchema.parse(JSON.parse(await readFile(join(folder, 'kernel.json'), 'utf8')))
  } catch {
    return undefined
  }
}

async function checkOurs(folder: string): Promise<void> {
  const spec = await readKernelspec(folder)
  if (spec?.metadata?.aivida || !existsSync(join(folder, 'kernel.json'))) return
  throw userError(
    'kernel.name-taken',
    `expected no kernel of another program in ${folder}, found ${spec ? spec.display_name : 'one that cannot be read'}; move that folder away, or use --prefix FOLDER`,
  )
}

/** Throws `kernel.no-launcher` when this package is not whole. */
export function checkLauncher(): void {
  if (existsSync(launcher())) return
  throw new AividaError({
    code: 'kernel.no-launcher',
    category: 'platform',
    message: `expected the kernel's launcher at ${launcher()}, found nothing; install aivida again`,
  })
}
