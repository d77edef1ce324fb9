import { join } from 'node:path'
import { writeModule } from './module-text.ts'
import { openProgram } from './program.ts'

const HEADER = `// Written by "npm run types" from the sources: what a notebook's cells and editors know of Aivida. Not to be edited.
// One file, in the syntax of TypeScript 5.0, which checks the cells.
`

/** The text of the declaration file. `root`: the folder of the project. */
export function declarationFile(root: string): string {
  const library = 'runtime/index.ts'
  const program = openProgram(root, [library])
  const isOfLibrary = ({ fileName }: { readonly fileName: string }) =>
    fileName.startsWith(join(root, 'runtime/')) || fileName.includes('/node_modules/@bufbuild/protobuf/')
  const module = writeModule(program, 'aivida', join(root, library), isOfLibrary, new Map())
  return `${HEADER}\n${module.text}\n`
}
