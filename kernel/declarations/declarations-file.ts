import { fileURLToPath } from 'node:url'

/**
 * Absolute path of the declarations that cells are checked against: the module `aivida`, and the globals of a session. Written
 * from the sources by `npm run types`; in an installation as in a checkout.
 */
export function declarationsFile(): string {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  return fileURLToPath(new URL(`${root}/kernel/declarations/aivida.d.ts`, import.meta.url))
}
