import { AividaError } from '../../runtime/base/errors.ts'
import { currentCell } from '../cell.ts'
import { STOP } from './stopping.ts'

const globals: Record<string, unknown> = globalThis as never

release()

/**
 * What computes now, of one cell or of none, ends with `cell.interrupted` where it next asks ({@link STOP}); other cells' code that
 * comes in between goes on. It is thrown once, so that what cleans up behind it is left alone; `again`: wherever that cell asks until
 * the event loop turns to something else, for code that has caught it. `onStop` is called with the first.
 */
export function stopComputing({
  again = false,
  onStop,
}: {
  readonly again?: boolean
  readonly onStop?: () => void
} = {}): void {
  const cell = currentCell()
  let thrown = false
  globals[STOP] = () => {
    if (currentCell() !== cell) return
    if (!again) letCompute()
    else if (!thrown) process.nextTick(letCompute)
    if (!thrown) onStop?.()
    thrown = true
    throw new AividaError({ code: 'cell.interrupted', category: 'aborted', message: 'interrupted while it computed' })
  }
}

/** What computes goes on. */
export function letCompute(): void {
  if (globals[STOP] !== undefined) release()
}

/** Anew each time: V8 takes a global for a constant only as long as it has never changed. */
function release(): void {
  delete globals[STOP]
  Object.defineProperty(globals, STOP, { value: undefined, writable: true, configurable: true })
}
