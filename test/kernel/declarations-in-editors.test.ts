import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeEditorTypes } from '../../kernel/declarations/editor.ts'
import { SESSION_TYPES } from '../../kernel/declarations/session-types.ts'
import { Tsserver } from '../support/tsserver.ts'

/** What VS Code tells tsserver of files without a tsconfig. */
const INFERRED = {
  ...{ module: 'ESNext', target: 'ES2022', jsx: 'react', strictNullChecks: true, allowJs: true },
  ...{ allowSyntheticDefaultImports: true, allowNonTsExtensions: true, resolveJsonModule: true },
}
const CELLS = [
  "export {}\nconst rows = await cluster.infer({ model: 'm.onnx', input: 'rows.arrow' })\nrows.numRws",
  "import { conv2d } from 'aivida'\nconv2d(8, 'wide')\nconst points: tf.Tensor2D = tf.tensor2d([[1]])",
]

const WRONG = [
  ["Property 'numRws' does not exist on type 'Table<any>'. Did you mean 'numRows'?"],
  ["Argument of type 'string' is not assignable to parameter of type 'Size2d'."],
]

const folder = mkdtempSync(join(tmpdir(), 'aivida-editor-'))
const server = new Tsserver(folder)
const editors = suite('declarations in editors')

editors('cells of a folder with the types know cluster, tf and the module', async () => {
  const workspace = workspaceOf('types')
  await writeEditorTypes(workspace)
  assert.equal(await diagnosed(workspace, CELLS, 'node'), WRONG)
})

editors('so do cells beside a package that one of them asks for, by either way to find it', async () => {
  for (const resolution of ['node', 'bundler']) {
    const workspace = workspaceOf(resolution)
    symlinkSync(resolve(import.meta.dirname, '../..'), join(workspace, 'node_modules/aivida'))
    const [asking, ...found] = await diagnosed(
      workspace,
      [`/// <reference types="${SESSION_TYPES}" />`, ...CELLS],
      resolution,
    )
    assert.equal([asking, found], [[], WRONG])
  }
})

editors.after(() => {
  server.close()
  rmSync(folder, { recursive: true })
})
editors.run()

function workspaceOf(name: string): string {
  mkdirSync(join(folder, name, 'node_modules'), { recursive: true })
  return join(folder, name)
}

/** What is wrong with each cell, as VS Code opens the cells of a notebook: each a file that is on no disk. */
async function diagnosed(workspace: string, cells: readonly string[], moduleResolution: string): Promise<string[][]> {
  const fileOf = (at: number) => `^/vscode-notebook-cell/ts-nul-authority${workspace}/book.ipynb#W${at}sZmlsZQ==`
  const options = { ...INFERRED, moduleResolution }
  await server.ask('compilerOptionsForInferredProjects', { options, projectRootPath: workspace })
  const openFiles = cells.map((fileContent, at) => {
    return { file: fileOf(at), fileContent, projectRootPath: workspace, scriptKindName: 'TS' }
  })
  await server.ask('updateOpen', { openFiles })
  const found: string[][] = []
  for (const at of cells.keys()) {
    const diagnostics = await server.ask('semanticDiagnosticsSync', { file: fileOf(at) })
    found.push((diagnostics as { text: string }[]).map(({ text }) => text))
  }
  return found
}
