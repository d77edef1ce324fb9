import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { AividaError, aborted } from '../../base/errors.ts'
import { limit } from '../../base/limits.ts'

/** onnxruntime's library for CUDA, which its npm package fetches from elsewhere: an opt-in of its own. */
export interface CudaDownload {
  /** Whether this build of onnxruntime has one to fetch. */
  readonly offered: boolean
  /** What it is, with its version. */
  readonly name: string
  /** Where it belongs: beside onnxruntime's own library, for which it looks nowhere else. */
  readonly path: string
  /** Whether it is here already. */
  isHere(): boolean
  /** How much would be fetched; `undefined` where the place it comes from does not tell. */
  sizeBytes(signal: AbortSignal): Promise<number | undefined>
  /** Fetches it and puts it beside onnxruntime. Throws `device.download-failed`, `aborted`. */
  fetch(signal: AbortSignal): Promise<void>
}

/** What the npm package's own script says of its downloads. It is only read, so what it does not hold is no size. */
const metadataSchema = z.object({
  requirements: z.record(z.string(), z.array(z.string())),
  packages: z.record(
    z.string(),
    z.object({ name: z.string(), versions: z.array(z.object({ feed: z.string(), version: z.string() })).min(1) }),
  ),
  feeds: z.record(z.string(), z.object({ index: z.string() })),
})

/** What a NuGet feed says of itself (NuGet Server API, service index). */
const indexSchema = z.object({ resources: z.array(z.object({ '@id': z.string(), '@type': z.string() })) })

const MANIFEST = 'cuda12'

/** The download that the installed onnxruntime-node would make here. Throws `engine.not-installed`. */
export function cudaDownload(platform = `${process.platform}/${process.arch}`): CudaDownload {
  const require = createRequire(import.meta.url)
  const folder = dirname(resolved(require))
  const path = cudaProvider(folder, platform)
  const { requirements, packages, feeds } = metadataSchema.parse(require(join(folder, 'script', 'install-metadata.js')))
  const source = packages[`nuget:${platform}:${MANIFEST}`]
  const place = source?.versions[0]
  const index = place && feeds[place.feed]?.index
  return {
    offered: requirements[platform]?.includes(MANIFEST) === true,
    name: `${source?.name ?? 'no package'} ${place?.version ?? ''}`.trim(),
    path,
    isHere: () => existsSync(path),
    sizeBytes: async (signal) => {
      if (!source || !place || index === undefined) return undefined
      return packageBytes(index, source.name.toLowerCase(), place.version, signal).catch(() => undefined)
    },
    fetch: (signal) => install(join(folder, 'script', 'install.js'), signal),
  }
}

/** Where onnxruntime's library for CUDA is, or would be. Throws `engine.not-installed`. */
export function cudaProviderPath(): string {
  const require = createRequire(import.meta.url)
  return cudaProvider(dirname(resolved(require)), `${process.platform}/${process.arch}`)
}

function cudaProvider(folder: string, platform: string): string {
  return join(folder, 'bin', 'napi-v6', platform, 'libonnxruntime_providers_cuda.so')
}

function resolved(require: NodeJS.Require): string {
  try {
    return require.resolve('onnxruntime-node/package.json')
  } catch (cause) {
    throw new AividaError({
      code: 'engine.not-installed',
      category: 'platform',
      message: 'expected onnxruntime-node, which is not installed; npm install',
      cause,
    })
  }
}

async function packageBytes(index: string, name: string, version: string, signal: AbortSignal) {
  const within = AbortSignal.any([signal, AbortSignal.timeout(limit('deviceSizeMs'))])
  const { resources } = indexSchema.parse(await (await fetch(index, { signal: within })).json())
  const base = resources.find((each) => each['@type'] === 'PackageBaseAddress/3.0.0')?.['@id']
  const found = await fetch(`${base}${name}/${version}/${name}.${version}.nupkg`, { method: 'HEAD', signal: within })
  const length = found.ok ? found.headers.get('content-length') : null
  return length === null ? undefined : Number(length)
}

/** Runs the package's own script, which checks what it fetches and knows where it belongs. */
function install(script: string, signal: AbortSignal): Promise<void> {
  const { ONNXRUNTIME_NODE_INSTALL, npm_config_onnxruntime_node_install, ...env } = process.env
  const args = [script, `--onnxruntime-node-install=${MANIFEST}`]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { env, signal, maxBuffer: 16 * 2 ** 20 }, (error, _stdout, stderr) => {
      if (!error) return resolve()
      if (signal.aborted) return reject(aborted())
      reject(
        new AividaError({
          code: 'device.download-failed',
          category: 'platform',
          message: `onnxruntime's library for CUDA could not be fetched: ${stderr.trim().split('\n').at(-1) || error.message}`,
          retryable: true,
          cause: error,
          facts: { remedy: 'check the network and its proxy, then repeat' },
        }),
      )
    })
  })
}
