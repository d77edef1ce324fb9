import { builtinModules } from 'node:module'
import vm from 'node:vm'
import type * as TypeScript from '@tslab/typescript-for-tslab'
import { invariant, isAividaError } from '../../runtime/base/errors.ts'
import { type Cell, inCell } from '../cell.ts'
import type { Session } from '../session/session.ts'
import { Augmentations } from './augmentations.ts'
import { hearBackgroundErrors } from './background-errors.ts'
import { CellCodes, type Place, placeIn } from './cell-code.ts'
import { CellModules } from './cell-modules.ts'
import { CellNames, namesApart } from './cell-names.ts'
import { type CellSource, cellSource, draftSource } from './cell-source.ts'
import { declaredAfterFailure } from './declared-names.ts'
import { codeFailure, failureOf, interrupted } from './failure.ts'
import type { Completeness, Completion, Execution, Language } from './language.ts'
import { captureOutput } from './output.ts'
import { quickInfoMarkdown } from './quick-info.ts'
import {
  type Converter,
  type ConvertResult,
  cellScope,
  type Executor,
  loadTslab,
  nodeTypesFolder,
  type Tslab,
} from './tslab.ts'

/** What a language of cells needs. */
export interface TslabLanguageOptions {
  readonly session: Pick<Session, 'globals' | 'typesFile' | 'magics'>
  /** The notebook's folder, absolute: packages and modules are found from there. */
  readonly cwd: string
}

/** A cell's code, compiled: what the executor is given when it asks. */
interface Compiled {
  readonly result: ConvertResult
  /** What the cell declares, of values. */
  readonly names: readonly string[]
  readonly modules: readonly string[]
}

/** A compiled cell. At its beginning it hands out how to give it other variables. */
type CellFunction = (
  exports: object,
  require: NodeJS.Require,
  handOut: (leave: (exports: object) => void) => void,
) => unknown

/**
 * TypeScript in cells, by tslab's converter and executor: what a cell declares, later ones know, with its type. Takes over the
 * process: stdout, stderr, stack traces, background errors and globals are those of cells until `close`.
 */
export function tslabLanguage(options: TslabLanguageOptions): Language {
  return new TslabLanguage(options)
}

class TslabLanguage implements Language {
  readonly version: string
  readonly #session: TslabLanguageOptions['session']
  readonly #tslab: Tslab
  readonly #converter: Converter
  readonly #executor: Executor
  readonly #modules: CellModules
  readonly #names = new CellNames()
  readonly #codes = new CellCodes()
  readonly #bareRequire: NodeJS.Require
  readonly #undo: readonly (() => void)[]
  /** Declarations of what the cells so far have made. */
  #declared = ''
  readonly #augmentations: Augmentations
  #next: ConvertResult | undefined

  constructor({ session, cwd }: TslabLanguageOptions) {
    this.#session = session
    this.#tslab = loadTslab({
      cwd,
      typesFile: session.typesFile,
      nodeTypes: nodeTypesFolder(),
      builtins: builtinModules,
    })
    this.#augmentations = new Augmentations(this.#tslab.compiler.ts)
    this.version = this.#tslab.compiler.ts.version
    this.#converter = this.#tslab.createConverter()
    this.#modules = new CellModules(cwd)
    const node: Converter = { ...this.#converter, convert: () => this.#converted() }
    const converters = { node, browser: node, close: () => this.#converter.close() }
    this.#executor = this.#tslab.createExecutor(cwd, converters, console)
    this.#bareRequire = cellScope().require
    this.#undo = [
      captureOutput(),
      relocateStacks(this.#codes),
      hearBackgroundErrors(this.#codes),
      defineGlobals(session.globals),
    ]
  }

  async execute(code: string, cell: Cell): Promise<Execution> {
    return await inCell(cell, async () => {
      try {
        const ended = await this.#run(code, cell)
        return ended.status === 'error' && cell.signal.aborted ? interrupted() : ended
      } catch (error) {
        return isInterrupt(error) || cell.signal.aborted ? interrupted() : failureOf(error, this.#codes)
      }
    })
  }

  complete(code: string, cursor: number): Completion {
    const { rewrite } = draftSource(code, this.#session.magics, this.#tslab.compiler.ts)
    const at = rewrite.toNew(cursor)
    if (at === undefined) return { matches: [], start: cursor, end: cursor }
    try {
      const { candidates, start, end } = this.#converter.complete(this.#declaredFor(rewrite.text), rewrite.text, at)
      return { matches: candidates, start: rewrite.toOld(start), end: rewrite.toOld(end) }
    } catch {
      return { matches: [], start: cursor, end: cursor } // the compiler gave up on unfinished code
    }
  }

  inspect(code: string, cursor: number): { readonly text: string; readonly markdown: string } | undefined {
    const { rewrite } = draftSource(code, this.#session.magics, this.#tslab.compiler.ts)
    const at = rewrite.toNew(cursor)
    if (at === undefined) return undefined
    let info: TypeScript.QuickInfo | undefined
    try {
      info = this.#converter.inspect(this.#declaredFor(rewrite.text), rewrite.text, at)
    } catch {
      return undefined // as in complete()
    }
    return info && { text: this.#tslab.printQuickInfo(info), markdown: quickInfoMarkdown(info) }
  }

  isComplete(code: string): Completeness {
    const { rewrite } = draftSource(code, this.#session.magics, this.#tslab.compiler.ts)
    const { completed, indent } = this.#tslab.isCompleteCode(rewrite.text)
    return completed ? { status: 'complete' } : { status: 'incomplete', indent: indent ?? '' }
  }

  close(): void {
    this.#executor.close()
    for (const undo of this.#undo) undo()
  }

  async #run(code: string, cell: Cell): Promise<Execution> {
    const compiled = this.#compile(code, cell)
    if ('status' in compiled) return compiled
    const { result, names, modules } = compiled
    await unlessAborted(this.#modules.preload(modules), cell.signal)
    const resources = new AsyncDisposableStack()
    cellScope().require = this.#modules.within(this.#bareRequire, resources)
    const thrown = await this.#execute(result, names, cell.signal)
    const { lastExpressionVar } = result
    const value = lastExpressionVar === undefined || thrown ? undefined : this.#names.take(lastExpressionVar)
    try {
      await resources.disposeAsync()
    } catch (error) {
      throw thrown ? new SuppressedError(error, thrown.value) : error
    }
    if (thrown) throw thrown.value
    return lastExpressionVar === undefined ? { status: 'ok' } : { status: 'ok', value }
  }

  #declaredFor(cell: string): string {
    return this.#augmentations.with(this.#declared, cell)
  }

  /** What the cell becomes; what is wrong with it instead; or nothing to run, when it only declares a module. */
  #compile(code: string, cell: Cell): Compiled | Execution {
    const where = `cell ${cell.number}`
    const { compiler, getCodeMetadata } = this.#tslab
    const source = cellSource(code, this.#session.magics, compiler.ts)
    const refused = source.refusals.map(({ at, message }) => ({ place: placeIn(where, code, at), message }))
    if (refused.length > 0) return codeFailure(refused, where)
    compiler.refresh()
    const { text } = source.rewrite
    const metadata = getCodeMetadata(text)
    if (metadata.mode === 'browser') {
      const message = 'cells run in Node: leave out @browser'
      return codeFailure([{ place: placeIn(where, code, 0), message }], where)
    }
    const result: ConvertResult = metadata.module
      ? { diagnostics: this.#converter.addModule(metadata.module, text, metadata) }
      : this.#converter.convert(this.#declaredFor(text), text)
    const found = result.diagnostics.map(({ fileName, start, messageText: message }) => {
      const place: Place =
        fileName === undefined || metadata.module
          ? placeIn(where, code, source.rewrite.toOld(start.offset))
          : { where: fileName, line: start.line + 1, column: start.character + 1 }
      return { place, message }
    })
    if (found.length > 0) return codeFailure(found, where)
    if (metadata.module) return { status: 'ok' }
    return this.#named(result, code, source, cell)
  }

  /** The compiled cell under a URL that leads back to what was typed. */
  #named(result: ConvertResult, code: string, source: CellSource, cell: Cell): Compiled {
    const { compiler } = this.#tslab
    const maps = compiler.takeMaps()
    const own = [...maps].find(([path]) => path.endsWith('/__tslab__.ts'))?.[1]
    for (const [path, map] of maps) if (map !== own) this.#codes.addModule(path, map)
    const { output, names } = namesApart(result.output ?? '')
    const url =
      own &&
      this.#codes.addCell({
        number: cell.number,
        typed: code,
        source: source.rewrite,
        maps: own,
        lines: output.split('\n').length,
      })
    const sideOutputs = [...(result.sideOutputs ?? []), ...compiler.takeOutside()].map(({ path, data }) => ({
      path,
      data: `require = __tslab__.require.within(require, ${JSON.stringify(path)});${data}`,
    }))
    const hasToplevelAwait = result.hasToplevelAwait === true || awaitsInLoop(source.rewrite.text, compiler.ts)
    return {
      result: { ...result, output: output && `${output}\n//# sourceURL=${url}`, sideOutputs, hasToplevelAwait },
      names,
      modules: [output, ...sideOutputs.map(({ data }) => data)],
    }
  }

  /**
   * Runs compiled code; what it threw. tslab's executor takes the code of local modules, and runs nothing: its way of running, with
   * `breakOnSigint`, leaves moments in which a SIGINT ends the process (Node gives the signal its default in between).
   */
  async #execute(
    { output, hasToplevelAwait, declOutput = '', ...rest }: ConvertResult,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly value: unknown } | undefined> {
    this.#next = { ...rest, output: '' }
    await this.#executor.execute('')
    const declared = this.#augmentations.takenFrom(declOutput)
    const running = this.#names.begin(names)
    let leave = (_: object) => {}
    try {
      const begin = 'function(exports, require, __handOut__) { __handOut__(_ => { exports = _ }); '
      const head = `(${hasToplevelAwait ? 'async ' : ''}${begin}`
      const cell: CellFunction = vm.runInThisContext(`${head}${output}\n})`)
      const ended = cell(this.#names.variables, cellScope().require, (given) => {
        leave = given
      })
      if (hasToplevelAwait) await unlessAborted(ended as Promise<void>, signal)
      running.keep()
      this.#declared = declared
      return undefined
    } catch (value) {
      // What it made before is there. What it makes later, when it was interrupted and goes on, is not.
      const { kept, variables } = running.giveUp()
      leave(variables)
      this.#declared = declaredAfterFailure(this.#declared, declared, kept, this.#tslab.compiler.ts)
      return { value }
    }
  }

  #converted(): ConvertResult {
    invariant(this.#next !== undefined, 'tslab converts what was not compiled before')
    const result = this.#next
    this.#next = undefined
    return result
  }
}

/** Whether a `for await` stands outside of all functions: tslab sees only the keyword `await` there. */
function awaitsInLoop(code: string, ts: typeof TypeScript): boolean {
  if (!/\bfor\s+await\b/.test(code)) return false
  const awaits = (node: TypeScript.Node): boolean =>
    (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
    (!ts.isFunctionLike(node) && !ts.isClassLike(node) && (ts.forEachChild(node, awaits) ?? false))
  return awaits(ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest))
}

/** Stacks of all errors from now on tell cells and lines as they were typed. */
function relocateStacks(codes: CellCodes): () => void {
  const before = Error.prepareStackTrace
  Error.prepareStackTrace = (error, frames) =>
    [String(error), ...frames.map((frame) => `    at ${codes.relocate(String(frame))}`)]
      .filter((line) => !line.includes('aivida:cell/'))
      .join('\n')
  return () => {
    if (before) Error.prepareStackTrace = before
    else delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace
  }
}

function defineGlobals(globals: object): () => void {
  const given = Object.getOwnPropertyDescriptors(globals)
  const before = Object.keys(given).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  for (const [name, property] of Object.entries(given))
    Object.defineProperty(globalThis, name, { ...property, configurable: true })
  return () => {
    for (const [name, property] of before) {
      if (property) Object.defineProperty(globalThis, name, property)
      else Reflect.deleteProperty(globalThis, name)
    }
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** That a loop was stopped, or a wait ended. */
function isInterrupt(error: unknown): boolean {
  return isAividaError(error) && error.code === 'cell.interrupted'
}
