/** `npm run types`: writes the declarations that notebooks and editors read, and the references, from the sources. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { generatedFiles } from './generated-files.ts'

const root = resolve(import.meta.dirname, '../../..')
for (const [file, text] of generatedFiles(root)) {
  writeFileSync(join(root, file), text)
  console.log(`${file}: ${text.split('\n').length - 1} lines`)
}
