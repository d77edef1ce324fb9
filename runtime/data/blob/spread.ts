/** One peer that reads a blob here; see {@link Spread}. */
export interface Reader {
  /** Others that read the same blob for the same purpose, this one's own streams not among them. */
  peers(): string[]
  /** The chunk of these that serves everybody best, or `undefined` when others of the readers were given all of them. */
  choose(wanted: Iterable<number>): number | undefined
  /** This chunk goes to the reader. */
  gave(index: number): void
  leave(): void
}

interface Reading {
  readonly readers: Map<object, { readonly peer: string; readonly joined: (peer: string) => void }>
  /** To whom each chunk went last. */
  readonly given: Map<number, string>
}

/**
 * Who reads which blob at this moment, and what each was given: readers are told of each other, and each is given what
 * no other has, so that one copy leaves here and the readers pass the rest around (the "super-seeding" of BitTorrent
 * clients). All is forgotten when the last reader of a blob leaves. Pure.
 */
export class Spread {
  readonly #readings = new Map<string, Reading>()

  /** A peer reads the blob and purpose named by `key`; `joined` hears of each other peer that comes later. */
  join(key: string, peer: string, joined: (peer: string) => void): Reader {
    const reading: Reading = this.#readings.get(key) ?? { readers: new Map(), given: new Map() }
    this.#readings.set(key, reading)
    for (const other of reading.readers.values()) if (other.peer !== peer) other.joined(peer)
    const [seat, mine] = [{}, new Set<number>()]
    reading.readers.set(seat, { peer, joined })
    return {
      peers: () =>
        [...new Set([...reading.readers.values()].map((other) => other.peer))].filter((other) => other !== peer),
      choose(wanted) {
        let again: number | undefined
        for (const index of wanted) {
          const last = reading.given.get(index)
          if (last === undefined) return index
          if (last === peer && !mine.has(index)) again ??= index // an earlier stream of it broke on the way
        }
        return again
      },
      gave(index) {
        reading.given.set(index, peer)
        mine.add(index)
      },
      leave: () => {
        reading.readers.delete(seat)
        if (reading.readers.size === 0 && this.#readings.get(key) === reading) this.#readings.delete(key)
      },
    }
  }
}
