import { join } from 'node:path'
import ts from '@tslab/typescript-for-tslab'
import { globalsText } from './globals-text.ts'
import { type Declared, ModuleText, moduleText } from './module-text.ts'
import { openProgram } from './program.ts'

const HEADER = `// Written by "npm run types" from the sources: what a notebook's cells and editors know of Aivida. Not to be edited.
// One file, in the syntax of TypeScript 5.0, which checks the cells.
`
const LIBRARY = 'runtime/index.ts'
const GLOBALS = 'kernel/session/session-globals.ts'

/** What stands in the declaration file. */
export interface Declarations {
  readonly text: string
  /** Of the module `aivida`. */
  readonly library: readonly Declared[]
  /** Of what cells find without an import. */
  readonly session: readonly Declared[]
}

/** The declaration file: the modules `aivida` and `aivida/session`. `root`: the folder of the project. */
export function declarationsOf(root: string): Declarations {
  const program = openProgram(root, [LIBRARY, GLOBALS])
  const checker = program.getTypeChecker()
  const sourceOf = (path: string) => program.getSourceFile(join(root, path))!
  const isOfLibrary = ({ fileName }: ts.SourceFile) =>
    fileName.startsWith(join(root, 'runtime/')) || fileName.includes('/node_modules/@bufbuild/protobuf/')
  const isOfSession = ({ fileName }: ts.SourceFile) => fileName.startsWith(join(root, 'kernel/'))

  const library = new ModuleText(checker, 'aivida', isOfLibrary)
  library.declareExports(sourceOf(LIBRARY))
  const session = new ModuleText(checker, 'aivida/session', isOfSession, [library])
  const globals = sourceOf(GLOBALS).statements.find(ts.isInterfaceDeclaration)!
  const { parts, modules } = globalsText(checker, session, globals)
  const ofSession = session.declarations()
  const ofLibrary = library.declarations() // last: the session may speak of more of it
  const texts = [
    moduleText(
      library,
      ofLibrary.map(({ text }) => text),
    ),
    moduleText(session, [...parts, ...ofSession.map(({ text }) => text)]),
    ...modules,
  ]
  return { text: `${HEADER}\n${texts.join('\n\n')}\n`, library: ofLibrary, session: ofSession }
}
