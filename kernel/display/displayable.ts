import { covered } from './covered.ts'
import { DISPLAY, type MimeBundle } from './mime-bundle.ts'

/** Gives a value a way to be shown that does not show among its fields. `bundle` is made when it is asked for. */
export function displayable<T extends object>(value: T, bundle: () => MimeBundle | Promise<MimeBundle>): T {
  return Object.defineProperty(value, DISPLAY, { value: async () => covered(await bundle()), enumerable: false })
}
