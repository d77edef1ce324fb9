import { inspect } from 'node:util'
import { currentCell } from './cell.ts'

/**
 * Shows errors that nobody waits for - in a timer, in a promise that was let go - below the cell that began the work,
 * however long ago. The kernel lives on: one mistake must not cost everything that a notebook has in memory.
 */
export function showBackgroundErrors(): void {
  process.on('uncaughtException', (error) => show('Uncaught error', error))
  process.on('unhandledRejection', (reason) => show('Unhandled rejection', reason))
}

function show(what: string, error: unknown): void {
  const text = `${what} in what this cell left running: ${inspect(error)}\n`
  const cell = currentCell()
  if (cell) cell.put({ type: 'stream', name: 'stderr', text })
  else process.stderr.write(text)
}
