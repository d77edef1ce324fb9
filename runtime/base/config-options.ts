import { join } from 'node:path'
import { z } from 'zod'
import { sha256 } from './hash.ts'
import { limit } from './limits.ts'

/** What defaults and relative paths are computed from; read once by the composition root. */
export interface ConfigSystem {
  readonly home: string
  readonly cwd: string
  readonly platform: NodeJS.Platform
}

/** One option: the one home of its shape, default, unit and description. Its names follow from its key. */
export interface ConfigOption<T> {
  /** Takes the typed form of a file and the text form of the environment and of flags. */
  readonly schema: z.ZodType<T>
  /** What the schema takes, in words, for error messages. */
  readonly expected: string
  readonly default: T | ((system: ConfigSystem, dataDir: string) => T)
  readonly unit?: 'bytes' | 'count' | 'port'
  readonly description: string
  /** Whether a running node takes a new value over, or only the next start does. */
  readonly live: boolean
}

interface Kind<T> {
  readonly schema: z.ZodType<T>
  readonly expected: string
}

const GiB = 1024 ** 3
const MAX_ADDRESSES = limit('configAddresses')
const MAX_SLOTS = limit('slotsPerNode')

const path: Kind<string> = { schema: z.string().min(1), expected: 'a path' }
const addresses: Kind<readonly string[]> = {
  schema: z.preprocess(
    (value) => (typeof value === 'string' ? value.split(',').filter((part) => part !== '') : value),
    z.array(z.string().startsWith('/')).max(MAX_ADDRESSES).readonly(),
  ),
  expected: `at most ${MAX_ADDRESSES} multiaddrs such as /ip4/0.0.0.0/tcp/4001, as a list or separated by commas`,
}
const yesOrNo: Kind<boolean> = {
  schema: z.preprocess((value) => ({ true: true, false: false })[String(value)], z.boolean()),
  expected: 'true or false',
}
const bytes = (max: number): Kind<number> => ({
  schema: z.preprocess(parseBytes, z.int().min(1).max(max)),
  expected: `bytes up to ${max}, as a number or as text such as 512MiB or 20GiB`,
})
const count = (min: number, max: number): Kind<number> => ({
  schema: z.preprocess(parseInteger, z.int().min(min).max(max)),
  expected: `a whole number from ${min} to ${max}`,
})
const choice = <const T extends string>(...names: readonly T[]): Kind<T> => ({
  schema: z.enum(names),
  expected: `one of ${names.join(', ')}`,
})

/** Where a node of this data folder listens unless told otherwise: a Unix socket in it, a named pipe on Windows. */
export function controlSocketPath(dataDir: string, platform: NodeJS.Platform): string {
  if (platform !== 'win32') return join(dataDir, 'control.sock')
  return `\\\\.\\pipe\\aivida-${sha256(Buffer.from(dataDir)).slice(0, 16)}`
}

/** Every option of a node. A new one is a new row; flags, environment names, checks and help follow from it. */
export const CONFIG_OPTIONS = {
  dataDir: option(path, {
    default: ({ home }) => join(home, '.aivida'),
    description: 'folder of keys, charter, journals, blobs and logs',
    live: false,
  }),
  name: option(
    { schema: z.string().max(64), expected: 'at most 64 characters' },
    {
      default: '',
      description:
        "what peers show this node as; default: the machine's name and, with a --data-dir of its own, the end of its peer id",
      live: false,
    },
  ),
  socketPath: option(path, {
    default: ({ platform }, dataDir) => controlSocketPath(dataDir, platform),
    description: 'control socket; a named pipe on Windows',
    live: false,
  }),
  role: option(choice('both', 'worker', 'submitter'), {
    default: 'both',
    description: 'whether this node runs shards of others, submits jobs, or both',
    live: false,
  }),
  listen: option(addresses, {
    default: ['/ip4/0.0.0.0/udp/0/quic-v1', '/ip4/0.0.0.0/tcp/0'],
    description: 'addresses to listen on; strangers get no further than a hello',
    live: false,
  }),
  announce: option(addresses, {
    default: [],
    description: 'addresses to tell peers instead of the found ones, for example behind a forwarded port',
    live: false,
  }),
  seeds: option(addresses, {
    default: [],
    description: 'peers to dial at start, besides those of the join ticket and those seen before',
    live: false,
  }),
  mdns: option(yesOrNo, {
    default: true,
    description: 'find peers of the cluster on the local network',
    live: false,
  }),
  engine: option(choice('auto', 'onnxruntime-node', 'onnxruntime-web', 'tfjs'), {
    default: 'auto',
    description: 'what runs graphs; auto: onnxruntime, by its native build or else WebAssembly',
    live: false,
  }),
  devices: option(
    {
      schema: z.preprocess(
        (value) => (typeof value === 'string' ? value.split(',') : value),
        z
          .array(z.enum(['cpu', 'webgpu', 'cuda']))
          .min(1)
          .max(3)
          .readonly(),
      ),
      expected: 'some of cpu, webgpu, cuda, as a list or separated by commas',
    },
    { default: ['cpu'], description: 'what to compute on; see aivida device list', live: false },
  ),
  slots: option<number | 'auto'>(
    {
      schema: z.union([z.literal('auto'), count(1, MAX_SLOTS).schema]),
      expected: `auto or ${count(1, MAX_SLOTS).expected}`,
    },
    { default: 'auto', unit: 'count', description: 'shards that run at once; auto: one a free core', live: false },
  ),
  threadsPerSlot: option(count(1, MAX_SLOTS), {
    default: 1,
    unit: 'count',
    description: 'threads of one engine child',
    live: false,
  }),
  engineMemoryBytes: option(bytes(limit('engineMemoryMostBytes')), {
    default: limit('engineMemoryBytes'),
    unit: 'bytes',
    description: 'resident memory of one engine child, above which it is ended',
    live: false,
  }),
  shareBlobs: option(yesOrNo, {
    default: true,
    description: 'fetch models from other workers of the same job, and pass them on to those',
    live: false,
  }),
  diskBudgetBytes: option(bytes(Number.MAX_SAFE_INTEGER), {
    default: 20 * GiB,
    unit: 'bytes',
    description: 'disk that blobs, logs and caches may take together',
    live: false,
  }),
  logLevel: option(choice('debug', 'info', 'warn', 'error'), {
    default: 'info',
    description: 'least level that is logged',
    live: false,
  }),
  metricsPort: option<number | undefined>(
    { schema: count(0, 65_535).schema.optional(), expected: count(0, 65_535).expected },
    {
      default: undefined,
      unit: 'port',
      description: 'loopback port of /metrics for Prometheus; 0: a free one; unset: none',
      live: false,
    },
  ),
} as const satisfies Record<string, ConfigOption<unknown>>

/** Where metrics are served: never beyond this machine, so it is no option. */
export const METRICS_HOST = '127.0.0.1'

function option<T>(kind: Kind<T>, rest: Omit<ConfigOption<NoInfer<T>>, keyof Kind<T>>): ConfigOption<T> {
  return { ...kind, ...rest }
}

function parseInteger(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
}

function parseBytes(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const [, digits, unit] = /^(\d+) ?(B|KiB|MiB|GiB|TiB)?$/.exec(value) ?? []
  return digits === undefined ? value : Number(digits) * 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit ?? 'B')
}
