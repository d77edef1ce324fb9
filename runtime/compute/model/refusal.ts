import { type AividaError, userError } from '../../base/errors.ts'

/** Why a scan refuses a model; machine-readable in `facts.reason` of `model.refused`. */
export type ScanReason =
  | 'size' // the whole model, or what its tensors declare
  | 'nodes'
  | 'depth'
  | 'dims'
  | 'domain'
  | 'operator'
  | 'external-data'
  | 'type' // a tensor or value type that no engine here takes
  | 'duplicate' // a field that must stand once stands twice, so that two readers could disagree
  | 'training-info'

/** The error of a model that is ONNX but not one to run for a stranger: `model.refused`. */
export function refused(reason: ScanReason, where: string, what: string): AividaError {
  return userError('model.refused', `model refused: ${where}: ${what}`, { reason, where })
}

/** Guards fields that may stand only once in a message: a second one is refused. */
export class Once {
  readonly #seen = new Set<number>()
  readonly #where: string

  constructor(where: string) {
    this.#where = where
  }

  check(field: number): void {
    if (this.#seen.has(field)) throw refused('duplicate', this.#where, `field ${field} stands twice`)
    this.#seen.add(field)
  }
}
