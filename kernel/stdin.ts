import { Readable } from 'node:stream'
import { AividaError } from '../runtime/base/errors.ts'

/**
 * Nobody can be asked from a cell: whatever begins to read from stdin is told so at once, instead of waiting for an answer that
 * never comes. (A notebook that asks could not run unattended, `aivida notebook run` among others.)
 */
export function refuseInput(): void {
  const stdin = new NobodyAnswers()
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: () => stdin })
}

type Listener = Parameters<Readable['on']>[1]

/** Can be looked at, as libraries do that wonder whether there is a terminal, but not read from. */
class NobodyAnswers extends Readable {
  readonly fd = 0
  readonly isTTY = false

  override on(event: string | symbol, listener: Listener): this {
    if (event === 'data' || event === 'readable') throw refusal()
    return super.on(event, listener)
  }

  override addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener)
  }

  override read(): never {
    throw refusal()
  }

  override resume(): never {
    throw refusal()
  }

  override [Symbol.asyncIterator](): never {
    throw refusal()
  }
}

function refusal(): AividaError {
  const remedy = 'Put the value into a variable, or read it from a file or from process.env'
  const message = `StdinNotImplemented: a cell cannot ask for input. ${remedy}`
  return new AividaError({ code: 'kernel.stdin', category: 'user', message })
}
