import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { declarationsFile } from '../../kernel/declarations/declarations-file.ts'
import { generatedFiles } from '../../kernel/declarations/generator/generated-files.ts'
import { NEWER_LIBRARY } from '../../kernel/language/newer-library.ts'

const root = resolve(import.meta.dirname, '../..')
const OPTIONS =
  '--noEmit --strict --skipLibCheck --target es2022 --lib esnext --module esnext --moduleResolution bundler --types node'
/** What tsc ends with where there are errors. */
const FOUND_ERRORS = 2

const declarations = suite('declarations')

declarations('they and the references are those of the sources', () => {
  const stale = [...generatedFiles(root)].filter(([file, text]) => readFileSync(join(root, file), 'utf8') !== text)
  assert.equal(
    stale.map(([file]) => file),
    [],
    'npm run types',
  )
})

declarations('TypeScript 5.0, which checks cells, and the newest one find no error in them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-declarations-'))
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    cpSync(declarationsFile(), join(folder, 'aivida.ts')) // as a source: declaration files are not looked at
    writeFileSync(join(folder, 'newer.d.ts'), NEWER_LIBRARY)
    const require = createRequire(import.meta.url)
    const old = join(dirname(require.resolve('@tslab/typescript-for-tslab')), 'tsc.js')
    assert.equal(errorsOf(join(root, 'node_modules/typescript/bin/tsc'), folder, ['aivida.ts']), [])
    // It does what it is told of a package as a global, and says that it would not.
    const refused = 'Imports are not permitted in module augmentations'
    const found = errorsOf(old, folder, ['aivida.ts', 'newer.d.ts'])
    assert.equal(
      found.filter((line) => !line.includes(refused)),
      [],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

declarations.run()

function errorsOf(tsc: string, cwd: string, files: readonly string[]): string[] {
  const { status, stdout } = spawnSync(process.execPath, [tsc, ...OPTIONS.split(' '), ...files], {
    cwd,
    encoding: 'utf8',
  })
  assert.ok(status === 0 || status === FOUND_ERRORS, stdout)
  return stdout.split('\n').filter((line) => line.includes('error'))
}
