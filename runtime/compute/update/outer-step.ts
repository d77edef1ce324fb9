import type { OuterStep } from '../../protocol/index.ts'

/**
 * Applies an aggregate to a replica, in place: `m = mu m + d`, then `theta -= rate (d + mu m)` (Nesterov momentum; Douillard
 * et al. 2023, "DiLoCo"). The last `plain` elements are statistics: `theta -= d`. f32, rounded after each operation: the
 * same bits at every replica. All three are as long as each other.
 */
export function outerStep(
  theta: Float32Array,
  momentum: Float32Array,
  update: Float32Array,
  outer: OuterStep,
  plain = 0,
): void {
  const { fround } = Math
  const rate = fround(outer.rate)
  const mu = fround(outer.momentum)
  const trained = theta.length - plain
  for (let i = 0; i < trained; i++) {
    const change = update[i]!
    const moved = fround(fround(mu * momentum[i]!) + change)
    momentum[i] = moved
    theta[i] = theta[i]! - fround(rate * fround(change + fround(mu * moved)))
  }
  for (let i = trained; i < theta.length; i++) theta[i] = theta[i]! - update[i]!
}
