import { limit } from '../../base/index.ts'

/** A failed attempt is followed by the next one after this, then twice this, and so on. */
const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 8_000

interface Recruit {
  state: 'idle' | 'busy' | 'refused'
  notBeforeMs: number
  pauseMs: number
}

/**
 * Co-workers that may have a blob, and when each is asked: one that has nothing yet, or is out of reach, is asked again
 * later; one that lied or refused for good is not. Pure: time is an argument.
 */
export class Recruits {
  readonly #all = new Map<string, Recruit>()

  /** Hears of co-workers; the first `blobProviders` of them count. */
  note(peers: Iterable<string>): void {
    for (const peer of peers) {
      if (this.#all.size >= limit('blobProviders')) return
      if (!this.#all.has(peer)) this.#all.set(peer, { state: 'idle', notBeforeMs: 0, pauseMs: FIRST_PAUSE_MS })
    }
  }

  /** One to be asked now; `chance` in [0, 1) chooses, so that not everybody asks the same ones. */
  next(nowMs: number, chance: number): string | undefined {
    const due = [...this.#all].filter(([, { state, notBeforeMs }]) => state === 'idle' && notBeforeMs <= nowMs)
    const [peer, recruit] = due[Math.floor(chance * due.length)] ?? []
    if (recruit) recruit.state = 'busy'
    return peer
  }

  /** Whether anybody may still be asked, now or later. */
  get hopeful(): boolean {
    return this.#all.values().some(({ state }) => state !== 'refused')
  }

  /** It has part of the blob: if it goes, it is soon asked again. */
  helped(peer: string): void {
    const recruit = this.#all.get(peer)
    if (recruit) recruit.pauseMs = FIRST_PAUSE_MS
  }

  /** It is asked no longer. */
  ended(peer: string, outcome: 'later' | 'never', nowMs: number): void {
    const recruit = this.#all.get(peer)
    if (!recruit) return
    recruit.state = outcome === 'never' ? 'refused' : 'idle'
    recruit.notBeforeMs = nowMs + recruit.pauseMs
    recruit.pauseMs = Math.min(2 * recruit.pauseMs, MAX_PAUSE_MS)
  }
}
