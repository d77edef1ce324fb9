import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limit, seededRandom } from '../../../runtime/base/index.ts'
import { Neighbours } from '../../../runtime/swarm/presence/neighbours.ts'

const peers = (count: number) => Array.from({ length: count }, (_, i) => `peer-${String(i).padStart(4, '0')}`)
const others = (all: readonly string[], self: string) => all.filter((peer) => peer !== self)

/** Who each of these keeps, when all know all. */
function chosen(all: readonly string[]): Map<string, string[]> {
  return new Map(
    all.map((self, i) => {
      const neighbours = new Neighbours(self, seededRandom(i + 1))
      neighbours.choose(others(all, self), 0)
      return [self, others(all, self).filter((peer) => neighbours.has(peer))]
    }),
  )
}

/** Steps from the first peer to the one that is farthest away. */
function depth(links: ReadonlyMap<string, readonly string[]>): number {
  const edges = new Map([...links.keys()].map((peer) => [peer, new Set<string>()]))
  for (const [peer, ends] of links) for (const end of ends) edges.get(peer)!.add(end) && edges.get(end)!.add(peer)
  let layer = [...links.keys()].slice(0, 1)
  const seen = new Set(layer)
  for (let steps = 0; ; steps++) {
    layer = layer.flatMap((peer) => [...edges.get(peer)!]).filter((peer) => !seen.has(peer) && seen.add(peer))
    if (layer.length === 0) return seen.size === links.size ? steps : Number.POSITIVE_INFINITY
  }
}

test('a small cluster is a full mesh', () => {
  const all = peers(limit('meshPeers') + 1)
  for (const [self, kept] of chosen(all)) assert.equal(kept, others(all, self))
})

test('a large one keeps few links each, and hangs together', () => {
  for (const count of [18, 50, 500]) {
    const links = chosen(peers(count))
    for (const kept of links.values()) assert.is(kept.length, 2 * limit('ringPeers') + limit('chosenPeers'))
    assert.ok(depth(links) <= 6, `${count} peers: ${depth(links)} steps`)
  }
})

test('both ends of a ring link choose it', () => {
  const all = peers(40)
  const links = chosen(all)
  const mutual = [...links].map(([self, kept]) => kept.filter((peer) => links.get(peer)!.includes(self)).length)
  assert.ok(mutual.every((count) => count >= 2 * limit('ringPeers')))
})

test('links drawn by chance stay while their ends are here', () => {
  const all = peers(60)
  const [self] = all
  const neighbours = new Neighbours(self!, seededRandom(7))
  const kept = (here: readonly string[]) => {
    neighbours.choose(here, 0)
    return here.filter((peer) => neighbours.has(peer))
  }
  const before = kept(others(all, self!))
  assert.equal(kept(others(all, self!)), before)
  const lost = before.find((peer) => peer > 'peer-0010' && peer < 'peer-0050')!
  const after = kept(others(all, self!).filter((peer) => peer !== lost))
  assert.is(after.length, before.length)
  assert.is(after.filter((peer) => before.includes(peer)).length, before.length - 1)
})

test('the lower id dials; the other one does when that takes too long', () => {
  const neighbours = new Neighbours('b', seededRandom(1))
  neighbours.choose(['a', 'c'], 1_000)
  assert.equal([neighbours.isOurTurn('a', 1_000), neighbours.isOurTurn('c', 1_000)], [false, true])
  neighbours.choose(['a', 'c'], 2_900)
  assert.equal([neighbours.isOurTurn('a', 2_999), neighbours.isOurTurn('a', 3_000)], [false, true])
  assert.not(neighbours.isOurTurn('d', 9_000), 'no neighbour')
})

test.run()
