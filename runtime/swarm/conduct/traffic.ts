import { type AividaError, type Clock, every, limit, peerError } from '../../base/index.ts'
import type { Meter, Release } from '../wire/index.ts'
import { ByteBudget } from './byte-budget.ts'
import { Deadlines } from './deadlines.ts'

/** How often deadlines are looked at. */
const STEP_MS = 500

/** What a {@link Traffic} is made from. */
export interface TrafficInit {
  readonly clock: Clock
  /** Told of a peer that was too slow, before its stream is ended. */
  readonly onSlow: (peer: string, error: AividaError) => void
}

/** The meter of a node's channels: one budget and one clock for all of them. */
export class Traffic implements Meter {
  readonly #init: TrafficInit
  readonly #deadlines = new Deadlines(STEP_MS)
  readonly #budget = new ByteBudget({
    perPeerBytes: limit('peerInboundBytes'),
    totalBytes: limit('inboundBytes'),
  })

  constructor(init: TrafficInit) {
    this.#init = init
  }

  /** Bytes of large messages that are coming in now. */
  get inboundBytes(): number {
    return this.#budget.takenBytes
  }

  /** Looks at deadlines from now on. Returns a function that stops it. */
  start(): () => void {
    const { clock } = this.#init
    return every(clock, STEP_MS, () => this.#deadlines.sweep(clock.monoMs()))
  }

  reserve(peer: string, sizeBytes: number): Release | Promise<Release> {
    return this.#budget.reserve(peer, sizeBytes)
  }

  watch(peer: string, act: 'send' | 'receive', sizeBytes: number, late: (error: Error) => void): Release {
    const allowedMs = limit('messageMs') + (sizeBytes / limit('slowestRateBytes')) * 1_000
    return this.#deadlines.set(this.#init.clock.monoMs() + allowedMs, () => {
      const error = tooSlow(peer, act, sizeBytes, allowedMs)
      this.#init.onSlow(peer, error)
      late(error)
    })
  }
}

function tooSlow(peer: string, act: 'send' | 'receive', sizeBytes: number, allowedMs: number): AividaError {
  const seconds = Math.round(allowedMs / 1_000)
  return act === 'receive'
    ? peerError('frame.slow', `${peer} began a message and did not end it within ${seconds} s`)
    : peerError('peer.slow-reader', `${peer} did not take ${sizeBytes} bytes within ${seconds} s`)
}
