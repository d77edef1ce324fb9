import type { ByteSource } from '../sources/byte-source.ts'

/**
 * Pages of some bytes, the most recently used of them in memory. A page is read once however many ask for it while it is
 * on its way. One that could not be read is forgotten, so that the next call tries again.
 */
export class PageCache {
  readonly #bytes: ByteSource
  readonly #pageBytes: number
  readonly #pages: number
  /** The least recently used first. */
  readonly #kept = new Map<number, Promise<Uint8Array>>()

  /** Keeps up to `pages` pages of `pageBytes`, at least one. */
  constructor(bytes: ByteSource, pageBytes: number, pages: number) {
    this.#bytes = bytes
    this.#pageBytes = pageBytes
    this.#pages = Math.max(1, pages)
  }

  /** Page `index`; the last one of the bytes is shorter. */
  page(index: number): Promise<Uint8Array> {
    const kept = this.#kept.get(index)
    this.#kept.delete(index)
    const page = kept ?? this.#read(index)
    this.#kept.set(index, page)
    if (this.#kept.size > this.#pages) this.#kept.delete(this.#kept.keys().next().value!)
    return page
  }

  #read(index: number): Promise<Uint8Array> {
    const page = this.#bytes.read(index * this.#pageBytes, this.#pageBytes)
    page.catch(() => {
      if (this.#kept.get(index) === page) this.#kept.delete(index)
    })
    return page
  }
}
