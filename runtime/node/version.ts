import { readFileSync } from 'node:fs'

/** The version of this package, as `package.json` says it. */
export const VERSION: string = readVersion()

/** How this software names itself to peers. */
export const SOFTWARE: string = `aivida/${VERSION}`

function readVersion(): string {
  for (const up of ['../../', '../../../']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8'))
      if (name === 'aivida') return version
    } catch {
      // compiled code lies one folder deeper than its source
    }
  }
  return '0.0.0'
}
