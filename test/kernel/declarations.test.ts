import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { declarationsOf } from '../../kernel/declarations/generator/declaration-file.ts'

const root = resolve(import.meta.dirname, '../..')

const declarations = suite('declarations')

declarations('are those of the sources', () => {
  const { text } = declarationsOf(root)
  assert.ok(text === readFileSync(declarationsFile(), 'utf8'), 'npm run types')
})

declarations.run()
