import type { Call } from '../call.ts'

/** Both shapes stretched to one, as NumPy does. Throws `engine.run-failed`. */
export function broadcast(call: Call, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1]
    if (x !== y && x !== 1 && y !== 1) throw call.fail(`shapes [${a}] and [${b}], which do not broadcast`)
    return x === 1 ? y : x
  })
}

/** How many elements a tensor of these sizes has. */
export function product(dims: readonly number[]): number {
  return dims.reduce((all, dim) => all * dim, 1)
}
