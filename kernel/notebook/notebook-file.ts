import { open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Clock, limit, userError } from '../../runtime/base/index.ts'
import { formatNotebook, type Notebook, parseNotebook, type ReadNotebook } from './notebook.ts'

/** From one write of a running notebook to the next, at least; as long again as the last one took, where that is more. Ms. */
const WRITE_EVERY_MS = 1_000
const KERNEL = 'aivida'

/**
 * Reads a notebook that this kernel can run. Throws `notebook.missing`, `notebook.too-large`, `notebook.malformed`,
 * `notebook.format`, and `notebook.kernel` when it was written for another kernel.
 */
export async function readNotebook(path: string): Promise<ReadNotebook> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile())
    throw userError('notebook.missing', `expected a notebook at ${path}, found ${found ? 'a folder' : 'nothing'}`)
  if (found.size > limit('notebookBytes'))
    throw userError(
      'notebook.too-large',
      `expected a notebook of at most ${limit('notebookBytes')} bytes, found ${found.size} in ${path}; clear its outputs: jupyter nbconvert --clear-output --inplace ${path}`,
    )
  const read = parseNotebook(await readFile(path, 'utf8'), path)
  checkKernel(read.notebook, path)
  return read
}

/** A notebook without a word of its kernel, as an editor begins one, is taken for ours. */
function checkKernel({ metadata: { kernelspec, language_info: language } }: Notebook, path: string): void {
  const written = (language as { readonly name?: string } | undefined)?.name
  if (kernelspec?.name === KERNEL || (kernelspec === undefined && (written === undefined || written === 'typescript')))
    return
  const found = kernelspec ? `${kernelspec.display_name ?? kernelspec.name} (${kernelspec.name})` : written
  throw userError(
    'notebook.kernel',
    `expected a notebook of the kernel "${KERNEL}", found one of ${found} in ${path}; run that with its own kernel (jupyter execute ${path}), or, if its cells are TypeScript, choose Aivida as its kernel in Jupyter and save it`,
  )
}

/**
 * Writes a notebook while it runs: what was there when the process or the machine went away is on disk, at most a second
 * old, and never half a file.
 */
export class NotebookFile {
  readonly #path: string
  readonly #clock: Clock
  #latest: (() => Notebook) | undefined
  #cancelTimer: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()
  #tookMs = 0
  #failure: unknown

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /** There is something new: `notebook` is asked for it when it is written. Writes nothing itself. */
  changed(notebook: () => Notebook): void {
    this.#latest = notebook
    this.#cancelTimer ??= this.#clock.after(Math.max(WRITE_EVERY_MS, this.#tookMs), () => {
      this.#writing = this.#write().catch((error) => {
        this.#failure ??= error
      })
    })
  }

  /** Writes what is new, and resolves when it is in place. Throws what an earlier write failed of, too. */
  async flush(): Promise<void> {
    await this.#writing
    if (this.#latest) await this.#write()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #write(): Promise<void> {
    this.#cancelTimer?.()
    const startMs = this.#clock.monoMs()
    const content = this.#latest && formatNotebook(this.#latest())
    this.#latest = undefined
    if (content !== undefined) await replace(this.#path, content)
    this.#tookMs = this.#clock.monoMs() - startMs
    this.#cancelTimer = undefined
    if (this.#latest) this.changed(this.#latest)
  }
}

/** A link stays one, and a file keeps its permissions. */
async function replace(path: string, content: string): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const mode = (await stat(target).catch(() => undefined))?.mode
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`)
  try {
    const file = await open(temporary, 'w', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
