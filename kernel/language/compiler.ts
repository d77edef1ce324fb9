import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import { SESSION_TYPES } from '../declarations/session-types.ts'
import { hideDocs, readDocsWhenAsked } from './lazy-docs.ts'
import { NEWER_LIBRARY } from './newer-library.ts'
import { type Shelf, shelve } from './shelf.ts'
import { stoppable } from './stopping.ts'

type Ts = typeof TypeScript

/** What TypeScript has and does not declare. */
interface Internal {
  /** Of tslab's fork. */
  getPreEmitDiagnosticsOfFiles(
    program: TypeScript.Program,
    files: readonly TypeScript.SourceFile[],
  ): TypeScript.Diagnostic[]
  bindSourceFile(file: TypeScript.SourceFile, options: TypeScript.CompilerOptions): void
}
interface ResolvedImports {
  readonly resolvedModules?: Map<string, TypeScript.ResolvedModuleWithFailedLookupLocations>
}

/** What cells are compiled against, besides TypeScript's own library. */
export interface CompilerSetup {
  /** The notebook's folder. */
  readonly cwd: string
  /** Declarations of the session's globals and of the module `aivida`: absolute; empty when there are none. */
  readonly typesFile: string
  /** The folder of `@types/node`. */
  readonly nodeTypes: string
  /** Names of Node's own modules. */
  readonly builtins: readonly string[]
}

/** The two steps from TypeScript to what runs, as source maps (https://tc39.es/ecma426/): JSON. */
export interface EmittedMaps {
  readonly toModule: string
  readonly toSource: string
}

/** TypeScript as tslab's converter sees it, and what is heard of it on the way. */
export interface AdaptedCompiler {
  readonly ts: Ts
  /** What stands in the place of the module for tslab. */
  readonly exports: Ts
  /** Has a next converter find what cells are compiled against, its trees put away; the one before is no longer used. */
  shelveFixed(): void
  /** Whether what is converted next is to run: not, when it is completed or inspected. */
  setRunning(running: boolean): void
  /** Tells the program of files that changed since, and that modules not found before may be there now. */
  refresh(): void
  /** Maps of what was emitted since the last call, by the absolute path of the source. */
  takeMaps(): Map<string, EmittedMaps>
  /** JavaScript of local modules above the notebook's folder, emitted since the last call, by path. */
  takeOutside(): { readonly path: string; readonly data: string }[]
}

interface WatchedFile {
  readonly path: string
  readonly changed: TypeScript.FileWatcherCallback
  stamp: string
}

const INLINE_MAP = /\n?\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/
const MAP_NAME = /\n?\/\/# sourceMappingURL=\S+\s*$/
/** The diagnostic of a module that is emitted beside. */
const NOT_UNDER_ROOT = 6059
/** Of the settings of tslab's converter, those that are ours. */
const OWN_OPTIONS = (ts: Ts): TypeScript.CompilerOptions => ({
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.esnext.d.ts'],
  types: ['node'],
  allowImportingTsExtensions: true,
  inlineSourceMap: true,
})

/**
 * TypeScript with our settings where tslab's converter has its own: newest library, resolution of a bundler, the session's
 * declarations, source maps, files looked at before a cell runs instead of polled, modules outside of the notebook's folder.
 * `setup` is asked whenever a converter is made.
 */
export function adaptCompiler(ts: Ts, setup: () => CompilerSetup): AdaptedCompiler {
  const watched = new Set<WatchedFile>()
  const unresolvedIn = new Set<string>()
  const maps = new Map<string, EmittedMaps>()
  const outside: { path: string; data: string }[] = []
  const emittedOutside = new Set<string>()
  /** Of the first program, which knows no cell yet: the library, Node's and the session's declarations and their packages. */
  const fixedFiles = new Map<string, TypeScript.SourceFile>()
  const fixedImports = new Map<string, TypeScript.ResolvedModuleWithFailedLookupLocations>()
  const fixedTypes = new Map<string, TypeScript.ResolvedTypeReferenceDirectiveWithFailedLookupLocations>()
  let hasBase = false
  /** The first program, until its trees are put away. */
  let base: TypeScript.Program | undefined
  let shelf: Shelf | undefined
  let hasNamedSession = false
  let isRunning = false
  const isFixed = (path: string) =>
    fixedFiles.has(path) || (!hasBase && path.endsWith('.d.ts') && dirname(path) !== setup().cwd)
  let cache: TypeScript.ModuleResolutionCache | undefined

  readDocsWhenAsked(ts)
  ts.sys.getCurrentDirectory = () => setup().cwd
  ts.sys.watchFile = (path, changed) => {
    if (isFixed(path)) return { close: () => {} }
    const file: WatchedFile = { path, changed, stamp: stampOf(path) }
    watched.add(file)
    return { close: () => watched.delete(file) }
  }
  ts.sys.watchDirectory = () => ({ close: () => {} })

  const roots = () => {
    const own = [libraryFile(), setup().typesFile].filter((path) => path !== '' && !shelf?.shelved.has(path))
    return [...new Set([...own, ...(shelf?.roots.map(({ fileName }) => fileName) ?? [])])]
  }
  const libraryFile = () => `${dirname(setup().nodeTypes)}/aivida-newer-library.d.ts`

  const createWatchCompilerHost = ((
    files: string[],
    options: TypeScript.CompilerOptions,
    sys: TypeScript.System,
    ...rest: unknown[]
  ) => {
    const own: TypeScript.System = Object.create(sys)
    own.readFile = (path, encoding) => {
      if (path === libraryFile()) return NEWER_LIBRARY
      const text = sys.readFile(path, encoding)
      return text !== undefined && isFixed(path) ? hideDocs(text) : text
    }
    own.fileExists = (path) => path === libraryFile() || sys.fileExists(path)
    const all = { ...options, ...OWN_OPTIONS(ts), typeRoots: [dirname(setup().nodeTypes)] }
    const create = ts.createWatchCompilerHost as (
      ...args: unknown[]
    ) => TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<TypeScript.BuilderProgram>
    const host = create([...files, ...roots()], all, own, ...rest)
    host.resolveModuleNameLiterals = (literals, from, redirected, settings) => {
      cache ??= ts.createModuleResolutionCache(setup().cwd, (name) => name, settings)
      return literals.map(({ text }) => {
        const known = fixedImports.get(`${from} ${text}`)
        if (known) return known
        const found = resolveOne(text, from, settings, own, redirected)
        if (isFixed(from)) fixedImports.set(`${from} ${text}`, found)
        return found
      })
    }
    host.resolveTypeReferenceDirectiveReferences = (references, from, redirected, settings) =>
      references.map((reference) => {
        const name = typeof reference === 'string' ? reference : reference.fileName
        if (name === SESSION_TYPES)
          return { resolvedTypeReferenceDirective: { primary: true, resolvedFileName: setup().typesFile } }
        const known = fixedTypes.get(name)
        if (known) return known
        const found = ts.resolveTypeReferenceDirective(name, from, settings, own, redirected)
        if (found.resolvedTypeReferenceDirective?.primary && !hasBase) fixedTypes.set(name, found)
        return found
      })
    host.hasInvalidatedResolutions = (path) => unresolvedIn.has(path)
    return host
  }) as Ts['createWatchCompilerHost']

  function resolveOne(
    text: string,
    from: string,
    settings: TypeScript.CompilerOptions,
    host: TypeScript.ModuleResolutionHost,
    redirected?: TypeScript.ResolvedProjectReference,
  ): TypeScript.ResolvedModuleWithFailedLookupLocations {
    if (text === 'aivida') return { resolvedModule: declarations(ts, setup().typesFile) }
    if (text.startsWith('node:') || setup().builtins.includes(text)) return { resolvedModule: undefined } // of @types/node
    const found = ts.resolveModuleName(text, from, settings, host, cache, redirected)
    if (found.resolvedModule === undefined && isLocalSource(from)) unresolvedIn.add(from)
    return found
  }

  const createWatchProgram = ((
    host: TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<TypeScript.BuilderProgram>,
  ) => {
    // tslab's builder looks into all files for what depends on what, with a type checker of its own, twice a cell.
    host.createProgram = (names, options, compilerHost, ...rest) => {
      if (compilerHost) keepFixed(compilerHost)
      const builder = ts.createAbstractBuilder(names, options, compilerHost, ...rest)
      const program = builder.getProgram()
      if (!hasBase) base = program
      hasBase = true
      const { getSourceFile } = program
      program.getSourceFile = (path) => getSourceFile(path) ?? shelf?.shelved.get(path)
      namePackages(program)
      return builder
    }
    const created = host.afterProgramCreate
    host.afterProgramCreate = (program) => created?.(lean(program))
    const watch = ts.createWatchProgram(host)
    return { ...watch, updateRootFileNames: (files: string[]) => watch.updateRootFileNames([...files, ...roots()]) }
  }) as Ts['createWatchProgram']

  /** What cells are compiled against is parsed once, whichever program asks: it changes only with the kernel. */
  function keepFixed(host: TypeScript.CompilerHost): void {
    for (const name of ['getSourceFile', 'getSourceFileByPath'] as const) {
      const get = host[name] as (...args: unknown[]) => TypeScript.SourceFile | undefined
      const kept = (path: string, ...rest: unknown[]) => {
        const file = fixedFiles.get(path) ?? get.call(host, path, ...rest)
        if (file && isFixed(path)) fixedFiles.set(path, file)
        return file
      }
      Object.assign(host, { [name]: kept })
    }
  }

  /**
   * Looking for how a type is written, the compiler goes through all of the packages that are global, `tf` and `arrow`. In a cell it
   * need not before one has named something of the session, without which there is no type of theirs.
   */
  function namePackages(program: TypeScript.Program): void {
    const texts = program.getSourceFiles().flatMap(({ fileName, text }) => (fixedFiles.has(fileName) ? [] : text))
    for (const { names, show } of shelf?.packageNames ?? []) {
      const named = new RegExp(`\\b(?:aivida|${names.join('|')})\\b`)
      hasNamedSession ||= texts.some((text) => named.test(text))
      show(hasNamedSession || !isRunning)
    }
  }

  /** A program that knows what a cell depends on, and binds the names of a file without checking all others. */
  function lean(builder: TypeScript.BuilderProgram): TypeScript.BuilderProgram {
    const program = builder.getProgram()
    return Object.assign(Object.create(builder), {
      getSourceFile: (path: string) => {
        const file = program.getSourceFile(path)
        if (file) (ts as Ts & Internal).bindSourceFile(file, program.getCompilerOptions())
        // tslab exports all that a cell declares; what is declared of a module, `"fs"`, or of all, has no name to export.
        const names = (file as { readonly locals?: Map<string, unknown> } | undefined)?.locals
        for (const name of names?.keys() ?? []) if (/^"|^__global$/.test(name)) names?.delete(name)
        return file
      },
      getAllDependencies: (file: TypeScript.SourceFile) => {
        const { cwd } = setup()
        const local = localSources(program, file)
        const outsideOf = local.filter((path) => !path.startsWith(`${cwd}/`))
        for (const path of outsideOf) emitOutside(program, path)
        return local.filter((path) => !outsideOf.includes(path))
      },
    })
  }

  /** tslab can emit only what lies in the notebook's folder; what lies elsewhere is emitted beside. */
  function emitOutside(program: TypeScript.Program, path: string): void {
    if (emittedOutside.has(path)) return
    emittedOutside.add(path)
    program.emit(program.getSourceFile(path), (name, text) => {
      if (!name.endsWith('.js')) return
      const data = exported.transpileModule(text, COMMON_JS(ts)).outputText
      outside.push({ path: path.replace(/\.\w+$/, '.js'), data })
    })
  }

  const transpileModule: Ts['transpileModule'] = (js, options) => {
    const inline = INLINE_MAP.exec(js)
    const compilerOptions = { ...options.compilerOptions, sourceMap: inline !== null }
    const result = ts.transpileModule(js.replace(INLINE_MAP, ''), {
      ...options,
      compilerOptions,
      transformers: { before: [importsAtRunTime(ts), stoppable(ts)] },
    })
    // The first line is the wrapper's: its length does not shift columns.
    const outputText = `\n${result.outputText.replace(MAP_NAME, '')}`
    if (inline && result.sourceMapText) {
      const toSource = Buffer.from(inline[1]!, 'base64').toString()
      const path = resolve(setup().cwd, 'outDir', JSON.parse(toSource).sources[0])
      maps.set(path, { toModule: result.sourceMapText, toSource })
    }
    return { ...result, outputText }
  }

  // tslab tells each line of a long message as one of its own, and those of other files as the cell's.
  const getPreEmitDiagnosticsOfFiles: Internal['getPreEmitDiagnosticsOfFiles'] = (program, files) =>
    (ts as Ts & Internal)
      .getPreEmitDiagnosticsOfFiles(program, files)
      .filter(({ code }) => code !== NOT_UNDER_ROOT)
      .map((found) => ({ ...found, messageText: ts.flattenDiagnosticMessageText(found.messageText, '\n') }))

  const exported: Ts & Partial<Internal> = {
    ...ts,
    createWatchCompilerHost,
    createWatchProgram,
    transpileModule,
    getPreEmitDiagnosticsOfFiles,
  }
  return {
    ts,
    exports: exported,
    shelveFixed: () => {
      if (base) {
        shelf = shelve({
          ts,
          program: base,
          files: base.getSourceFiles().filter(({ fileName }) => fixedFiles.has(fileName)),
          readText: (path) => (path === libraryFile() ? NEWER_LIBRARY : ts.sys.readFile(path)),
          namesFile: `${dirname(setup().nodeTypes)}/aivida-names.d.ts`,
        })
        for (const file of shelf.roots) fixedFiles.set(file.fileName, file)
        for (const [path, file] of shelf.shelved) fixedFiles.set(path, file)
        base = undefined
      }
      for (const file of fixedFiles.values()) (file as { version?: string | undefined }).version = undefined
      fixedImports.clear()
      cache = undefined
    },
    setRunning: (running) => {
      isRunning = running
    },
    refresh: () => {
      cache = undefined
      const changed = [...watched].filter((file) => file.stamp !== stampOf(file.path))
      // A module keeps what it imported: when one has changed, all local ones are read again.
      const again = changed.some(({ path }) => isLocalSource(path))
        ? [...watched].filter(({ path }) => isLocalSource(path))
        : []
      if (again.length > 0) emittedOutside.clear()
      for (const file of new Set([...changed, ...again])) {
        file.stamp = stampOf(file.path)
        file.changed(file.path, ts.FileWatcherEventKind.Changed)
      }
    },
    takeMaps: () => {
      const taken = new Map(maps)
      maps.clear()
      return taken
    },
    takeOutside: () => outside.splice(0),
  }
}

const COMMON_JS = (ts: Ts): TypeScript.TranspileOptions => ({
  fileName: 'outside.js',
  compilerOptions: {
    module: ts.ModuleKind.CommonJS,
    esModuleInterop: true,
    target: ts.ScriptTarget.ES2022,
    newLine: ts.NewLineKind.LineFeed,
    noImplicitUseStrict: true,
  },
})

/** `import(x)` becomes `require.import(x)`: the real one, from the folder of whoever calls it. */
function importsAtRunTime(ts: Ts): TypeScript.TransformerFactory<TypeScript.SourceFile> {
  return (context) => {
    const visit = (node: TypeScript.Node): TypeScript.Node => {
      const inner = ts.visitEachChild(node, visit, context)
      if (!ts.isCallExpression(inner) || inner.expression.kind !== ts.SyntaxKind.ImportKeyword) return inner
      const call = ts.factory.createPropertyAccessExpression(ts.factory.createIdentifier('require'), 'import')
      return ts.factory.updateCallExpression(inner, ts.setTextRange(call, inner.expression), undefined, inner.arguments)
    }
    return (file) => ts.visitEachChild(file, visit, context)
  }
}

/** A file and the local modules that it imports, they themselves, and so on; nothing of packages. */
function localSources(program: TypeScript.Program, file: TypeScript.SourceFile): string[] {
  const found = new Set([file.fileName])
  for (const path of found) {
    const imports = program.getSourceFile(path) as (TypeScript.SourceFile & ResolvedImports) | undefined
    imports?.resolvedModules?.forEach(({ resolvedModule }) => {
      if (resolvedModule && isLocalSource(resolvedModule.resolvedFileName)) found.add(resolvedModule.resolvedFileName)
    })
  }
  return [...found]
}

function declarations(ts: Ts, file: string): TypeScript.ResolvedModuleFull {
  return { resolvedFileName: file, extension: ts.Extension.Dts, isExternalLibraryImport: true }
}

function isLocalSource(path: string): boolean {
  return !path.includes('/node_modules/') && (path.endsWith('.js') || (path.endsWith('.ts') && !path.endsWith('.d.ts')))
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 'absent' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`
}
