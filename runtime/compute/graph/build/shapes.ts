/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}

/**
 * The shape that two shapes broadcast to (https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md), or undefined when
 * they don't.
 */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length)
  const shape: number[] = []
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1
    const y = b[b.length - rank + i] ?? 1
    if (x !== y && x !== 1 && y !== 1) return undefined
    shape.push(x === 1 ? y : x)
  }
  return shape
}

/** The shape left after a reduction over `axes` (counted from the front). */
export function reducedShape(shape: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  const reduced = new Set(axes)
  return keepDims
    ? shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim))
    : shape.filter((_, axis) => !reduced.has(axis))
}

/** A permutation that undoes `perm`. */
export function inversePermutation(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length)
  perm.forEach((from, to) => {
    inverse[from] = to
  })
  return inverse
}

/** Shapes as messages show them: `[128, 784]`. */
export function shown(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}
