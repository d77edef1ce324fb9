import { stripVTControlCharacters } from 'node:util'
import type { CellProgress, RunListener } from '../../kernel/notebook/index.ts'
import { formatDuration, harmless } from './figures.ts'
import type { Io } from './io.ts'

/** A line for each cell of a notebook that runs; on a terminal the one that runs stands there while it does. */
export class NotebookProgressLines implements Pick<RunListener, 'began' | 'ended'> {
  readonly #io: Pick<Io, 'err' | 'isTerminal' | 'columns'>

  constructor(io: Pick<Io, 'err' | 'isTerminal' | 'columns'>) {
    this.#io = io
  }

  began(cell: CellProgress): void {
    if (this.#io.isTerminal) this.#io.err(this.#line(cell, '...', ''))
  }

  ended(cell: CellProgress, { status }: Parameters<RunListener['ended']>[1], durationMs: number): void {
    const { isTerminal, err } = this.#io
    const how = status === 'ok' ? '' : cell.mayFail ? 'failed, as it may: ' : 'failed '
    const line = this.#line(cell, formatDuration(durationMs), how)
    err(`${isTerminal ? '\r\x1b[2K' : ''}${line}\n`)
  }

  #line({ position, count, source }: CellProgress, took: string, how: string): string {
    const first = source.split('\n').find((line) => line.trim() !== '') ?? ''
    const words = harmless(stripVTControlCharacters(first))
    return `${`${position}/${count}`.padStart(7)} ${took.padStart(8)}  ${how}${words}`.slice(0, this.#io.columns - 1)
  }
}
