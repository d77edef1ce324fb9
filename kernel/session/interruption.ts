import { AividaError } from '../../runtime/base/errors.ts'
import { currentCell } from '../cell.ts'

/** `cell.interrupted`: the user has interrupted the cell. `what`: what becomes of that which it waited for. */
export function interrupted(what: string): AividaError {
  return new AividaError({ code: 'cell.interrupted', category: 'aborted', message: `interrupted: ${what}` })
}

/**
 * Waits for something no longer than the cell that waits may: rejects with `cell.interrupted` when that is interrupted.
 * `what` says then what becomes of the work.
 */
export function unlessInterrupted<T>(work: Promise<T>, what: () => string): Promise<T> {
  const signal = currentCell()?.signal
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const stop = () => reject(interrupted(what()))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
