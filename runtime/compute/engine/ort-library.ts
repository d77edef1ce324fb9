import type { InferenceSession, TensorConstructor } from 'onnxruntime-node'
import { AividaError } from '../../base/errors.ts'
import type { ExecutionProvider } from '../../protocol/requirements.ts'

/** The packages that bring onnxruntime: native code, and WebAssembly for machines that no native build exists for. */
export type OrtPackage = 'onnxruntime-node' | 'onnxruntime-web'

/** A loaded onnxruntime: what both packages have in common. */
export interface OrtLibrary {
  readonly version: string
  /** What it was built to compute on, the default first. */
  readonly providers: readonly ExecutionProvider[]
  readonly Tensor: TensorConstructor
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
}

const loading = new Map<OrtPackage, Promise<OrtLibrary>>()

/** Loads a package once, and not before its telemetry is off. Throws `engine.not-installed`. */
export function loadOrt(name: OrtPackage): Promise<OrtLibrary> {
  let library = loading.get(name)
  if (!library) {
    library = (name === 'onnxruntime-node' ? loadNative() : loadWeb()).catch((error: unknown) => {
      throw notInstalled(name, error)
    })
    loading.set(name, library)
  }
  return library
}

async function loadNative(): Promise<OrtLibrary> {
  process.env.ORT_DISABLE_TELEMETRY = '1'
  const { env, listSupportedBackends, InferenceSession, Tensor } = await import('onnxruntime-node')
  const built = listSupportedBackends().map(({ name }) => name)
  const providers = (['cpu', 'webgpu', 'cuda'] as const).filter((provider) => built.includes(provider))
  return { version: env.versions.node ?? 'unknown', providers, InferenceSession, Tensor }
}

async function loadWeb(): Promise<OrtLibrary> {
  const { env, InferenceSession, Tensor } = await import('onnxruntime-web/wasm')
  env.wasm.numThreads = 1 // more of them need workers, which a child is not given
  env.logLevel = 'fatal'
  return { version: env.versions.web ?? 'unknown', providers: ['wasm'], InferenceSession, Tensor }
}

function notInstalled(name: OrtPackage, error: unknown): AividaError {
  const remedy =
    name === 'onnxruntime-node'
      ? 'it has builds for Linux with glibc, Windows, and macOS on arm64; elsewhere: npm install onnxruntime-web@1.30.0'
      : 'npm install onnxruntime-web@1.30.0'
  return new AividaError({
    code: 'engine.not-installed',
    category: 'platform',
    message: `${name} does not load here (${reasonOf(error)}); ${remedy}`,
    cause: error,
  })
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!.slice(0, 300)
}
