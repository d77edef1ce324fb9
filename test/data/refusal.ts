import * as assert from 'uvu/assert'
import { type AividaError, isAividaError } from '../../runtime/base/index.ts'

/** Asserts that `act` throws an AividaError of this code, and returns it. */
export function refusesSync(code: string, act: () => unknown): AividaError {
  try {
    act()
  } catch (error) {
    return withCode(code, error)
  }
  throw new Error(`expected ${code}, nothing was thrown`)
}

/** Asserts that `promise` rejects with an AividaError of this code, and returns it. */
export async function refuses(code: string, promise: Promise<unknown>): Promise<AividaError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  return refusesSync(code, () => {
    if ('error' in outcome) throw outcome.error
  })
}

function withCode(code: string, error: unknown): AividaError {
  if (!isAividaError(error)) throw error
  assert.is(error.code, code, error.message)
  return error
}
