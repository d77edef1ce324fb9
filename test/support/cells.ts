import * as assert from 'uvu/assert'
import type { Cell, CellOutput } from '../../kernel/cell.ts'
import type { Execution, Language } from '../../kernel/language/language.ts'

/** A cell that remembers what it put out. */
export interface RememberedCell extends Cell {
  readonly outputs: CellOutput[]
  /** All text of each stream. */
  readonly text: { readonly stdout: string; readonly stderr: string }
}

/** Runs cells in a language without a kernel around it, numbered from 1. */
export function cellsOf(language: Language) {
  let number = 0
  const run = async (code: string, signal = new AbortController().signal) => {
    const cell = remembered(++number, signal)
    return { cell, ended: await language.execute(code, cell) }
  }
  return {
    run,
    /** The value of a cell that must succeed. */
    ok: async (code: string): Promise<unknown> => {
      const { ended } = await run(code)
      if (ended.status === 'error') assert.unreachable(`${code}\n${ended.traceback.join('\n')}`)
      return (ended as { value?: unknown }).value
    },
    /** How a cell that must fail did. */
    fails: async (code: string): Promise<Extract<Execution, { status: 'error' }>> => {
      const { ended } = await run(code)
      if (ended.status === 'ok') assert.unreachable(`does not fail: ${code}`)
      return ended as Extract<Execution, { status: 'error' }>
    },
  }
}

function remembered(number: number, signal: AbortSignal): RememberedCell {
  const outputs: CellOutput[] = []
  const textOf = (name: string) =>
    outputs.map((output) => (output.type === 'stream' && output.name === name ? output.text : '')).join('')
  return {
    number,
    signal,
    outputs,
    put: (output) => void outputs.push(output),
    get text() {
      return { stdout: textOf('stdout'), stderr: textOf('stderr') }
    },
  }
}
