import { type Digest, invariant, isAividaError } from '../../base/index.ts'
import type { ArrivingBlob, BlobStore, OpenBlob, PartialBlob, Pin } from './store.ts'
import type { BlobTree } from './tree.ts'

/**
 * A blob of which parts are here, shared by all that read it in this process: each chunk is brought once. When the last
 * one has come, it is made whole.
 */
export class Arrival {
  readonly tree: BlobTree
  readonly #store: BlobStore
  readonly #partial: PartialBlob
  readonly #arriving: ArrivingBlob
  readonly #underway = new Map<number, Promise<Uint8Array>>()
  readonly #ended: () => void
  #missing: number
  #readers = 0
  #whole: Promise<OpenBlob> | undefined

  private constructor(store: BlobStore, partial: PartialBlob, arriving: ArrivingBlob, ended: () => void) {
    this.tree = partial.tree
    this.#store = store
    this.#partial = partial
    this.#arriving = arriving
    this.#ended = ended
    this.#missing = partial.missing().length
  }

  /** The arrival of this blob in this store, for one reader more; {@link leave} ends it. `undefined`: there is none. */
  static find(store: BlobStore, root: Digest): Promise<Arrival> | undefined {
    return arrivals
      .get(store)
      ?.get(root)
      ?.then((arrival) => arrival.#join())
  }

  /** {@link find}, or begins one. Throws `blob.busy` while the whole blob is being fetched, `disk.*`. */
  static begin(store: BlobStore, tree: BlobTree): Promise<Arrival> {
    const found = Arrival.find(store, tree.root)
    if (found) return found
    const known = arrivals.get(store) ?? new Map<Digest, Promise<Arrival>>()
    arrivals.set(store, known)
    const ended = () => void known.delete(tree.root)
    const arrival = store.partial(tree).then((partial) => {
      const arriving = store.arriving(tree.root)
      invariant(arriving, 'a blob that was begun is arriving')
      return new Arrival(store, partial, arriving, ended)
    })
    known.set(tree.root, arrival)
    arrival.catch(ended)
    return arrival.then((begun) => begun.#join())
  }

  /** Chunk `index`, checked: as it is kept here, as somebody else is bringing it, or by `bring`, whose bytes are kept. */
  async chunk(index: number, bring: () => Promise<Uint8Array>, pin?: Pin): Promise<Uint8Array> {
    if (this.#missing === 0) return (await this.#completed(pin)).chunk(index)
    if (this.#arriving.has(index))
      try {
        return await this.#arriving.chunk(index)
      } catch (error) {
        if (this.#missing === 0 && isAividaError(error, 'blob.not-found')) return this.chunk(index, bring, pin)
        throw error
      }
    const other = this.#underway.get(index)
    if (other) return other.catch(() => this.chunk(index, bring, pin)) // its reader may know fewer providers
    const coming = this.#keep(index, bring).finally(() => this.#underway.delete(index))
    this.#underway.set(index, coming)
    const chunk = await coming
    if (this.#missing === 0) await this.#completed(pin)
    return chunk
  }

  /** One reader less; what is here stays for the next one. */
  async leave(): Promise<void> {
    if (--this.#readers > 0) return
    this.#ended()
    if (!this.#whole) return this.#partial.close()
    const whole = await this.#whole.catch(() => undefined) // who read has heard of it
    await whole?.close()
  }

  #join(): this {
    this.#readers++
    return this
  }

  async #keep(index: number, bring: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const chunk = await bring()
    await this.#partial.write(index, chunk)
    this.#missing--
    return chunk
  }

  #completed(pin?: Pin): Promise<OpenBlob> {
    this.#whole ??= this.#partial
      .commit({ ...(pin && { pin }) })
      .then(({ blob }) => this.#store.open(blob, { verify: true }))
    return this.#whole
  }
}

/** Arrivals that have readers, by store and root. */
const arrivals = new WeakMap<BlobStore, Map<Digest, Promise<Arrival>>>()
