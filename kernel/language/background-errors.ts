import { writeSync } from 'node:fs'
import { currentCell } from '../cell.ts'
import type { CellCodes } from './cell-code.ts'
import { failureOf } from './failure.ts'

/**
 * What goes wrong in the background - a timer's exception, a promise that nobody awaited - is told in the cell that began it and
 * ends nothing. Without a cell it is the kernel's own, and goes to stderr. Returns how to undo it.
 */
export function hearBackgroundErrors(codes: CellCodes): () => void {
  const hear = (error: unknown) => {
    const { traceback } = failureOf(error, codes)
    const text = `In the background: ${traceback.join('\n')}\n`
    const cell = currentCell()
    if (cell) cell.put({ type: 'stream', name: 'stderr', text })
    else sayOutside(text)
  }
  process.on('uncaughtException', hear)
  process.on('unhandledRejection', hear)
  return () => {
    process.off('uncaughtException', hear)
    process.off('unhandledRejection', hear)
  }
}

/** Not by the stream: when nobody reads stderr any more, that would be the next error, without end. */
function sayOutside(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // Nobody reads it.
  }
}
