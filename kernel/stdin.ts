import { Readable } from 'node:stream'
import { AividaError } from '../runtime/base/errors.ts'

/**
 * Nobody can be asked from a cell: what reads from stdin is told so at once, instead of waiting for an answer that never comes.
 * (A notebook that asks could not run unattended, `aivida notebook run` among others.)
 */
export function refuseInput(): void {
  const stdin = new Readable({ read: () => stdin.destroy(refusal()) })
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: () => stdin })
}

function refusal(): AividaError {
  return new AividaError({
    code: 'kernel.stdin',
    category: 'user',
    message:
      'StdinNotImplemented: a cell cannot ask for input. Put the value into a variable, or read it from a file or from process.env',
  })
}
