/** `npm run types`: writes the declarations that notebooks and editors read from the sources. */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { declarationsOf } from './declaration-file.ts'

const root = resolve(import.meta.dirname, '../../..')
const file = 'kernel/declarations/aivida.d.ts'
const { text } = declarationsOf(root)
writeFileSync(join(root, file), text)
console.log(`${file}: ${text.split('\n').length - 1} lines`)
