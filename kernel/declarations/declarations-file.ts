import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Where the declarations are, below the folder of the package, in a checkout as in an installation. */
const FILE = 'kernel/declarations/aivida.d.ts'

/**
 * Absolute path of the declarations that cells are checked against: the module `aivida`, and the globals of a session. Written
 * from the sources by `npm run types`.
 */
export function declarationsFile(): string {
  const packageDir = join(import.meta.dirname, '../..')
  const checkout = join(packageDir, FILE)
  return existsSync(checkout) ? checkout : join(packageDir, '..', FILE)
}
