import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { VERSION } from '../../runtime/node/version.ts'
import { declarationsFile } from './declarations-file.ts'

/**
 * Lets editors know what cells of a folder's notebooks find: as a package of types, which TypeScript's server takes up by itself.
 * A tsconfig would not do, since VS Code's cells belong to none (tsserver looks for none above files that are on no disk). Gives
 * the folder of that package. Rejects when it cannot be written.
 */
export async function writeEditorTypes(folder: string): Promise<string> {
  const at = join(folder, 'node_modules/@types/aivida-session')
  await mkdir(at, { recursive: true })
  const manifest = { name: '@types/aivida-session', version: VERSION, types: 'index.d.ts' }
  await writeFile(join(at, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  await writeFile(join(at, 'index.d.ts'), `/// <reference path=${JSON.stringify(declarationsFile())} />\n`)
  return at
}
