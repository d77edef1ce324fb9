import { existsSync, readFileSync } from 'node:fs'
import { type Config, type ConfigSources, configPath, loadConfig } from '../base/index.ts'

/** The configuration from flags and environment, and from the data folder's `config.json`, if it has one. Throws `config.*`. */
export function readConfig(sources: Omit<ConfigSources, 'file'>): Config {
  const path = configPath(sources)
  const file = existsSync(path) ? { path, text: readFileSync(path, 'utf8') } : undefined
  return loadConfig({ ...sources, file })
}
