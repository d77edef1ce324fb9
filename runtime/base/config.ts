import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { CONFIG_OPTIONS, type ConfigOption, type ConfigSystem } from './config-options.ts'
import { AividaError } from './errors.ts'
import { limit } from './limits.ts'
import { nearest } from './nearest.ts'

/** The settings of a node, checked and frozen; what each means stands in {@link CONFIG_OPTIONS}. */
export type Config = { readonly [K in ConfigKey]: z.output<(typeof CONFIG_OPTIONS)[K]['schema']> }

/** The name of an option in the configuration file and in code. */
export type ConfigKey = keyof typeof CONFIG_OPTIONS

/** Where settings come from, weakest first: defaults, file, environment, flags. None is read here. */
export interface ConfigSources {
  readonly system: ConfigSystem
  /** The configuration file's text: a JSON object with `"v": 1`; `path` is for messages. */
  readonly file?: { readonly path: string; readonly text: string } | undefined
  /** The environment; only names that begin with `AIVIDA_` count. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Flags by option key, as the command line parser gives them; `undefined` is "not given". */
  readonly flags?: Readonly<Record<string, unknown>>
}

/** The newest version of the configuration file's format. */
const CONFIG_VERSION = 1

const ENV_PREFIX = 'AIVIDA_'
const SHOWN_CHARACTERS = 100
const keys = Object.keys(CONFIG_OPTIONS) as ConfigKey[]
const options: Readonly<Record<ConfigKey, ConfigOption<unknown>>> = CONFIG_OPTIONS

/** The environment variable of an option: `dataDir` is `AIVIDA_DATA_DIR`. */
export function envName(key: ConfigKey): string {
  return ENV_PREFIX + key.replace(/[A-Z]/g, '_$&').toUpperCase()
}

/** The flag of an option: `dataDir` is `--data-dir`. */
function flagName(key: ConfigKey): string {
  return `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`
}

/** Where the configuration file is looked for: `config.json` in the data folder that flags and environment give. */
export function configPath({ system, env, flags }: ConfigSources): string {
  const dataDir = loadConfig({ system, ...(env && { env }), ...(flags && { flags }) }).dataDir
  return join(dataDir, 'config.json')
}

/**
 * The configuration from its sources, the stronger over the weaker, option by option.
 *
 * Throws `config.unknown-key` (naming the nearest known one), `config.invalid` (every wrong value at once),
 * `config.malformed` and `config.version` (the file as a whole).
 */
export function loadConfig(sources: ConfigSources): Config {
  const given = [...fileValues(sources.file), ...envValues(sources.env ?? {}), ...flagValues(sources.flags ?? {})]
  const values: Partial<Record<ConfigKey, unknown>> = {}
  const problems: string[] = []
  for (const { key, value, source } of given) {
    const parsed = options[key].schema.safeParse(value)
    if (parsed.success) values[key] = parsed.data
    else problems.push(`${key}: expected ${options[key].expected}, found ${shown(value)} (${source})`)
  }
  if (problems.length > 0) throw configError('invalid', problems.join('\n'), { problems })
  const { system } = sources
  const dataDir = absolute(values.dataDir ?? defaultOf('dataDir', system, ''), system)
  for (const key of keys) values[key] = Object.freeze(values[key] ?? defaultOf(key, system, dataDir))
  return Object.freeze({ ...values, dataDir, socketPath: absolute(values.socketPath, system) }) as Config
}

/** What a person needs to know of each option, for help and documentation. */
export function describeConfig(): ReadonlyArray<{
  readonly key: ConfigKey
  readonly env: string
  readonly flag: string
  readonly default: string
  readonly expected: string
  readonly unit: string | undefined
  readonly description: string
  readonly live: boolean
}> {
  const system: ConfigSystem = { home: '~', cwd: '/', platform: 'linux' }
  return keys.map((key) => {
    const { expected, unit, description, live } = options[key]
    const value = defaultOf(key, system, '~/.aivida')
    const text = Array.isArray(value) ? value.join(',') : String(value ?? '')
    return { key, env: envName(key), flag: flagName(key), default: text, expected, unit, description, live }
  })
}

interface Given {
  readonly key: ConfigKey
  readonly value: unknown
  readonly source: string
}

function fileValues(file: ConfigSources['file']): Given[] {
  if (!file) return []
  if (Buffer.byteLength(file.text) > limit('configBytes'))
    throw configError('malformed', `${file.path} is larger than ${limit('configBytes')} bytes`)
  let content: unknown
  try {
    content = JSON.parse(file.text)
  } catch (error) {
    const found = (error as Error).message.replaceAll(/\s+/g, ' ')
    throw configError('malformed', `${file.path} is not JSON (${found}); mend it, or move it away`)
  }
  if (content === null || typeof content !== 'object' || Array.isArray(content))
    throw configError('malformed', `${file.path}: expected a JSON object, found ${shown(content)}`)
  const { v, ...rest } = content as Record<string, unknown>
  if (v !== CONFIG_VERSION)
    throw configError('version', `${file.path}: expected "v": ${CONFIG_VERSION} beside the options, found ${shown(v)}`)
  return Object.entries(rest).map(([name, value]) => ({ key: known(name, file.path), value, source: file.path }))
}

function envValues(env: Readonly<Record<string, string | undefined>>): Given[] {
  const byEnvName = new Map(keys.map((key) => [envName(key), key]))
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) return []
    const key = byEnvName.get(name)
    if (!key) throw unknownKey(name, byEnvName.keys(), 'the environment')
    return [{ key, value, source: name }]
  })
}

function flagValues(flags: Readonly<Record<string, unknown>>): Given[] {
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ({ key: known(name, 'the flags'), value, source: flagName(name as ConfigKey) }))
}

function known(name: string, where: string): ConfigKey {
  if (!Object.hasOwn(CONFIG_OPTIONS, name)) throw unknownKey(name, keys, where)
  return name as ConfigKey
}

function unknownKey(name: string, candidates: Iterable<string>, where: string): AividaError {
  const all = [...candidates]
  const near = nearest(name, all)
  const hint = near ? `did you mean ${near}?` : `known are ${all.join(', ')}`
  return configError('unknown-key', `unknown option ${shown(name)} in ${where}: ${hint}`, { name, nearest: near })
}

function defaultOf(key: ConfigKey, system: ConfigSystem, dataDir: string): unknown {
  const value = options[key].default
  return typeof value === 'function' ? value(system, dataDir) : value
}

function absolute(path: unknown, { home, cwd }: ConfigSystem): string {
  return resolve(cwd, String(path).replace(/^~(?=\/|$)/, home))
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? 'nothing').slice(0, SHOWN_CHARACTERS)
  } catch {
    return 'something nested too deeply' // deeper than the stack
  }
}

function configError(what: string, message: string, facts?: Readonly<Record<string, unknown>>): AividaError {
  return new AividaError({ code: `config.${what}`, category: 'config', message, ...(facts && { facts }) })
}
