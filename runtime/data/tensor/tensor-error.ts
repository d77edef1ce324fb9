import { AividaError } from '../../base/errors.ts'

/** A `tensor.*` error: the caller's, until a decoder says that a peer sent it. */
export function tensorError(what: string, message: string, cause?: unknown): AividaError {
  return new AividaError({ code: `tensor.${what}`, category: 'user', message, cause })
}
