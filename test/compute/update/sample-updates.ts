import { seededRandom } from '../../../runtime/base/index.ts'

/** Values as changes of weights are: about Gaussian, of very different sizes from one piece to the next, some zero. */
export function sampleUpdate(length: number, seed: number): Float32Array {
  const random = seededRandom(seed)
  let size = 1e-3
  return Float32Array.from({ length }, (_, i) => {
    if (i % 200 === 0) size = 1e-3 * 10 ** (2 * random.float() - 1)
    if (i % 1_000 < 40) return 0
    return size * (random.float() + random.float() + random.float() + random.float() - 2)
  })
}
