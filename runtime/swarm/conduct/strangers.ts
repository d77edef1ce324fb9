import { limit } from '../../base/index.ts'
import { TokenBucket } from './token-bucket.ts'

/** Connections that are no members' yet: few, for a short time, and of no address more than its share. */
export class Strangers {
  readonly #present = new Map<string, { readonly host: string; readonly sinceMs: number }>()
  readonly #hosts = new Map<string, { readonly arrivals: TokenBucket; readonly hellos: TokenBucket }>()
  readonly #hellos = new TokenBucket({ perSecond: limit('strangerHellosPerSecond'), burst: limit('strangers') }, 0)

  /** Lets a stranger of this address in, when there is room for it. */
  enter(peer: string, host: string, nowMs: number): boolean {
    if (this.#present.has(peer)) return true
    const here = [...this.#present.values()].filter((stranger) => stranger.host === host).length
    if (this.#present.size >= limit('strangers') || here >= limit('strangersPerHost')) return false
    if (!this.#sharesOf(host, nowMs).arrivals.take(1, nowMs)) return false
    this.#present.set(peer, { host, sinceMs: nowMs })
    return true
  }

  /** It is a member now, or gone. */
  leave(peer: string): void {
    this.#present.delete(peer)
  }

  has(peer: string): boolean {
    return this.#present.has(peer)
  }

  hostOf(peer: string): string | undefined {
    return this.#present.get(peer)?.host
  }

  /** Those whose time is up; they are forgotten. */
  overdue(nowMs: number): { peer: string; host: string }[] {
    const late = [...this.#present].filter(([, { sinceMs }]) => nowMs - sinceMs >= limit('strangerMs'))
    for (const [peer] of late) this.#present.delete(peer)
    return late.map(([peer, { host }]) => ({ peer, host }))
  }

  /** How long a hello from this address waits for its turn, ms; `undefined` when that is longer than a hello lasts. */
  helloWaitMs(host: string, nowMs: number): number | undefined {
    const ofHost = this.#sharesOf(host, nowMs).hellos.oweWithin(limit('helloMs') / 2, 1, nowMs)
    const ofAll = ofHost === undefined ? undefined : this.#hellos.oweWithin(limit('helloMs') / 2, 1, nowMs)
    return ofHost === undefined || ofAll === undefined ? undefined : Math.max(ofHost, ofAll)
  }

  #sharesOf(host: string, nowMs: number): { readonly arrivals: TokenBucket; readonly hellos: TokenBucket } {
    const share = () =>
      new TokenBucket({ perSecond: limit('strangersPerSecond'), burst: limit('strangersPerHost') }, nowMs)
    const shares = this.#hosts.get(host) ?? { arrivals: share(), hellos: share() }
    this.#hosts.delete(host) // re-inserted last
    this.#hosts.set(host, shares)
    if (this.#hosts.size > limit('conductRecords')) this.#hosts.delete(this.#hosts.keys().next().value as string)
    return shares
  }
}

/**
 * What counts as one place that peers come from: an IPv4 address, or the /64 of an IPv6 one, since whoever has one
 * address there has all of them. Other addresses stand for themselves.
 */
export function hostOf(address: string): string {
  const [, family, host = ''] = address.split('/')
  if (family !== 'ip6') return host
  const [head = '', tail = ''] = host.split('::')
  const front = head.split(':').filter(Boolean)
  const back = tail.split(':').filter(Boolean)
  const zeros = host.includes('::') ? Array.from({ length: 8 - front.length - back.length }, () => '0') : []
  return `${[...front, ...zeros, ...back].slice(0, 4).join(':')}::/64`
}
