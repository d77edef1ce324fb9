/** How much of a full map goes at once, so that it is looked through once for many entries. */
const SHARE = 1 / 100

/**
 * Makes room in a map that holds more than `max` entries, each of somebody: whoever has most loses their oldest, so that
 * nobody is crowded out by what others take. Oldest is what was inserted first.
 */
export function trimFairly<V>(map: Map<string, V>, max: number, ownerOf: (value: V) => string): void {
  if (map.size <= max) return
  const counts = new Map<string, number>()
  for (const value of map.values()) counts.set(ownerOf(value), (counts.get(ownerOf(value)) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const [greatest] = [...counts].find(([, count]) => count === most)!
  let left = Math.min(most, map.size - Math.floor(max * (1 - SHARE)))
  for (const [key, value] of map) {
    if (ownerOf(value) !== greatest) continue
    map.delete(key)
    if (--left === 0) return
  }
}
