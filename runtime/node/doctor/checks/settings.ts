import { broken, type Check, ok } from '../check.ts'

/** The configuration file, the environment and the flags. */
export const settingsCheck: Check = {
  name: 'settings',
  async run({ config, configError }) {
    if (configError)
      return [broken(configError.message, 'mend or remove that entry; every option: aivida config describe')]
    return [ok(`role ${config.role}, data folder ${config.dataDir}`)]
  },
}
