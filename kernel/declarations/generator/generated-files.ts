import { apiReference, sessionReference } from './api-reference.ts'
import { declarationsOf } from './declaration-file.ts'
import { reference } from './reference.ts'

/** All that `npm run types` writes, by path below `root`, the folder of the project. */
export function generatedFiles(root: string): ReadonlyMap<string, string> {
  const { text, library, globals, session } = declarationsOf(root)
  return new Map([
    ['kernel/declarations/aivida.d.ts', text],
    ['kernel/SESSION.md', sessionReference(globals, session)],
    ['runtime/API.md', apiReference(library, root)],
    ['runtime/REFERENCE.md', reference(root)],
  ])
}
