import { limit } from '../../base/index.ts'

/**
 * Finished work that may be asked for again, as it was journalled: bounded in number and bytes, the oldest goes first.
 * Kept as bytes, because nearly all of it is never asked for, and because a snapshot is made of them.
 */
export class KnownWork {
  readonly #entries = new Map<string, Uint8Array>()
  #bytes = 0

  get(key: string): Uint8Array | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Uint8Array): void {
    this.delete(key)
    this.#entries.set(key, entry)
    this.#bytes += entry.byteLength
    while (
      this.#entries.size > limit('knownResults') ||
      (this.#bytes > limit('knownResultBytes') && this.#entries.size > 1)
    )
      this.delete(this.#entries.keys().next().value as string)
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#bytes -= entry.byteLength
  }

  /** Oldest first. */
  values(): Iterable<Uint8Array> {
    return this.#entries.values()
  }
}
