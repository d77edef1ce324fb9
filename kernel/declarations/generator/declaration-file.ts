import { join } from 'node:path'
import ts from '@tslab/typescript-for-tslab'
import { type Global, globalsText } from './globals-text.ts'
import { type Declared, ModuleText, moduleText } from './module-text.ts'
import { openProgram } from './program.ts'
import { type Shapes, TypeText } from './type-text.ts'

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
  /** What cells find without an import. */
  readonly globals: readonly Global[]
  /** What those are made of. */
  readonly session: readonly Declared[]
}

/**
 * The declaration file: the modules `aivida` and `aivida/session`. `root`: the folder of the project. Throws for a type that the
 * library speaks of and does not export: nobody could name it.
 */
export function declarationsOf(root: string): Declarations {
  const program = openProgram(root, [LIBRARY, GLOBALS])
  const { library, session } = written(program, root, new Map())
  const forgotten = library.filter(({ named }) => !named.isPublic && !isOfFormat(named.symbol))
  if (forgotten.length > 0)
    throw new Error(`${LIBRARY} speaks of ${forgotten.map(({ named }) => named.name).join(', ')}: export them there`)
  return written(program, root, shapesOf(program.getTypeChecker(), [...library, ...session]))
}

function written(program: ts.Program, root: string, shapes: Shapes): Declarations {
  const checker = program.getTypeChecker()
  const sourceOf = (path: string) => program.getSourceFile(join(root, path))!
  const isOfLibrary = ({ fileName }: ts.SourceFile) =>
    fileName.startsWith(join(root, 'runtime/')) || fileName.includes('/node_modules/@bufbuild/protobuf/')
  const isOfSession = ({ fileName }: ts.SourceFile) => fileName.startsWith(join(root, 'kernel/'))

  const library = new ModuleText(checker, shapes, 'aivida', isOfLibrary)
  library.declareExports(sourceOf(LIBRARY))
  const session = new ModuleText(checker, shapes, 'aivida/session', isOfSession, [library])
  const { globals, parts, modules } = globalsText(
    checker,
    session,
    sourceOf(GLOBALS).statements.find(ts.isInterfaceDeclaration)!,
  )
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
  return { text: `${HEADER}\n${texts.join('\n\n')}\n`, library: ofLibrary, globals, session: ofSession }
}

/** Whether a type is part of a file format's own description: nobody writes one. */
function isOfFormat(symbol: ts.Symbol): boolean {
  const { fileName } = symbol.declarations![0]!.getSourceFile()
  return fileName.endsWith('_pb.ts') || fileName.includes('/node_modules/')
}

/** The structures that have a name: types that a schema gives. */
function shapesOf(checker: ts.TypeChecker, declared: readonly Declared[]): Shapes {
  const plain = new TypeText(checker, { nameOf: () => undefined }, new Map())
  const shapes = new Map<string, ts.Symbol>()
  for (const { named } of declared) {
    const alias = named.symbol.declarations?.find(ts.isTypeAliasDeclaration)
    if (!alias || alias.typeParameters || !/^z\.(?:infer|input|output)</.test(alias.type.getText())) continue
    const text = plain.writeOut(checker.getTypeFromTypeNode(alias.type), alias)
    if (text.includes('{') && !shapes.has(text)) shapes.set(text, named.symbol)
  }
  return shapes
}
