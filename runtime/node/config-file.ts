import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Config, type ConfigSources, configPath, loadConfig } from '../base/index.ts'
import { writeWhole } from '../base/whole-file.ts'

/** The configuration from flags and environment, and from the data folder's `config.json`, if it has one. Throws `config.*`. */
export function readConfig(sources: Omit<ConfigSources, 'file'>): Config {
  const path = configPath(sources)
  const file = existsSync(path) ? { path, text: readFileSync(path, 'utf8') } : undefined
  return loadConfig({ ...sources, file })
}

/**
 * Sets one option in the data folder's `config.json` and leaves the others as they are. Gives its path. Throws `disk.*`,
 * `system.*`, and for a file that is not JSON what {@link readConfig} throws.
 */
export async function writeSetting<K extends keyof Config>(dataDir: string, key: K, value: Config[K]): Promise<string> {
  const path = join(dataDir, 'config.json')
  const text = existsSync(path) ? await readFile(path, 'utf8') : '{ "v": 1 }'
  const settings = { ...JSON.parse(text), [key]: value }
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await writeWhole(path, [Buffer.from(`${JSON.stringify(settings, null, 2)}\n`)], { mode: 0o600 })
  return path
}
