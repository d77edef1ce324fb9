import { AividaError } from '../../runtime/base/errors.ts'
import { STOP } from './stopping.ts'

const globals: Record<string, unknown> = globalThis as never

release()

/** From now on whatever cells compute ends with `cell.interrupted`, wherever it asks ({@link STOP}). */
export function stopComputing(): void {
  globals[STOP] = () => {
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
