import { stripVTControlCharacters } from 'node:util'
import { assertNever, limit } from '../../runtime/base/index.ts'
import type { RunOutput } from '../client/index.ts'
import type { NotebookOutput } from './notebook.ts'

type UpdateOutput = Extract<RunOutput, { type: 'update_display_data' }>
type ErrorOutput = Extract<RunOutput, { type: 'error' }>
/** A value in several forms, by MIME type. */
type Bundle = Pick<UpdateOutput, 'data' | 'metadata'>

/** What an output counts for besides its text: a million empty ones are no small file either. Characters. */
const OUTPUT_CHARACTERS = 100

const TRACEBACK_LINES = 1_000
/** What is shown in the place of an update for which there was no room. */
const LEFT_OUT: Bundle = { data: { 'text/plain': '[left out]' }, metadata: {} }

interface Stream {
  readonly kind: 'stream'
  readonly name: string
  readonly pieces: string[]
}
interface Shown {
  readonly kind: 'shown'
  readonly displayId: string | undefined
  /** Of a result. */
  readonly executionCount: number | undefined
  bundle: Bundle
}
interface Failed {
  readonly kind: 'error'
  readonly error: ErrorOutput
}
type Output = Stream | Shown | Failed

/**
 * What the cells of a notebook put out while it runs, each cell's in its own list, as front ends keep it: consecutive text
 * of one stream is one output, and an update by display id changes what is shown in every cell that shows it.
 */
export class CellOutputs {
  readonly #cells = new Map<string, CellOutput>()

  /** Takes in what a cell says. */
  put(cell: string, output: RunOutput): void {
    if (output.type === 'update_display_data') for (const cell of this.#cells.values()) cell.update(output)
    else this.#of(cell).add(output)
  }

  /** Outputs of a cell, as its notebook holds them. */
  of(cell: string): NotebookOutput[] {
    return this.#cells.get(cell)?.list() ?? []
  }

  #of(cell: string): CellOutput {
    const known = this.#cells.get(cell)
    if (known) return known
    const made = new CellOutput()
    this.#cells.set(cell, made)
    return made
  }
}

/** The outputs of one cell. What it puts out beyond `notebookCellCharacters` is counted and left out. */
class CellOutput {
  #outputs: Output[] = []
  #clearNext = false
  #characters = 0
  #leftOut = 0

  add(output: Exclude<RunOutput, UpdateOutput>): void {
    if (output.type === 'clear_output') {
      if (output.wait) this.#clearNext = true
      else this.#clear()
      return
    }
    if (this.#clearNext) this.#clear()
    switch (output.type) {
      case 'stream':
        this.#write(output.name, output.text)
        break
      case 'display_data':
      case 'execute_result':
        if (!this.#fits(sizeOf(output))) break
        this.#outputs.push({
          kind: 'shown',
          displayId: output.transient.display_id,
          executionCount: output.type === 'execute_result' ? output.execution_count : undefined,
          bundle: { data: output.data, metadata: output.metadata },
        })
        break
      case 'error':
        this.#outputs.push({
          kind: 'error',
          error: { ...output, traceback: output.traceback.slice(0, TRACEBACK_LINES) },
        })
        break
      default:
        assertNever(output)
    }
  }

  update({ transient, data, metadata }: UpdateOutput): void {
    for (const output of this.#outputs) {
      if (output.kind !== 'shown' || output.displayId === undefined) continue
      if (output.displayId !== transient.display_id) continue
      this.#characters -= sizeOf(output.bundle)
      output.bundle = this.#fits(sizeOf({ data })) ? { data, metadata } : LEFT_OUT
    }
  }

  list(): NotebookOutput[] {
    const outputs = this.#outputs.map(asWritten)
    if (this.#leftOut === 0) return outputs
    const text = `\n[${this.#leftOut} more characters of output were left out: a cell keeps ${limit('notebookCellCharacters')}]\n`
    return [...outputs, { output_type: 'stream', name: 'stderr', text }]
  }

  #clear(): void {
    this.#outputs = []
    this.#clearNext = false
    this.#characters = 0
    this.#leftOut = 0
  }

  #write(name: string, text: string): void {
    const room = Math.max(0, limit('notebookCellCharacters') - this.#characters)
    const kept = text.slice(0, room)
    this.#leftOut += text.length - kept.length
    if (kept === '') return
    this.#characters += kept.length
    const last = this.#outputs.at(-1)
    if (last?.kind === 'stream' && last.name === name) last.pieces.push(kept)
    else {
      this.#characters += OUTPUT_CHARACTERS
      this.#outputs.push({ kind: 'stream', name, pieces: [kept] })
    }
  }

  /** Makes room for something, or counts it as left out. */
  #fits(size: number): boolean {
    const fits = this.#characters + size <= limit('notebookCellCharacters')
    if (fits) this.#characters += size
    else this.#leftOut += size
    return fits
  }
}

function sizeOf({ data }: Pick<Bundle, 'data'>): number {
  const sizes = Object.values(data).map(
    (form) => (typeof form === 'string' ? form : (JSON.stringify(form) ?? '')).length,
  )
  return sizes.reduce((sum, size) => sum + size, OUTPUT_CHARACTERS)
}

function asWritten(output: Output): NotebookOutput {
  switch (output.kind) {
    case 'stream':
      return { output_type: 'stream', name: output.name, text: output.pieces.join('') }
    case 'shown': {
      const { bundle, executionCount } = output
      if (executionCount === undefined) return { output_type: 'display_data', ...bundle }
      return { output_type: 'execute_result', ...bundle, execution_count: executionCount }
    }
    case 'error': {
      const { ename, evalue, traceback } = output.error
      return { output_type: 'error', ename, evalue, traceback: [...traceback] }
    }
    default:
      return assertNever(output)
  }
}

/** An error as a terminal tells it: its traceback, which says name and message, without colours. */
export function describeError({ ename, evalue, traceback }: Omit<ErrorOutput, 'type'>): string {
  const text = stripVTControlCharacters(traceback.join('\n'))
  return text.includes(evalue.split('\n')[0]!) && text !== '' ? text : `${ename}: ${evalue}\n${text}`.trimEnd()
}
