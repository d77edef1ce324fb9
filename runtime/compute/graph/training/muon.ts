import { elementCount } from '../../../data/tensor/check.ts'
import type { GraphBuilder } from '../build/graph-builder.ts'
import type { Value } from '../build/value.ts'
import type { Parameter } from '../layers/parameters.ts'
import { adam } from './adam.ts'
import type { Optimizer, Trained } from './optimizer.ts'
import { AMOUNT, CARRIED, checkSettings } from './settings.ts'

/** Settings of {@link muon}. */
export interface MuonOptions {
  /** Share of the sum of gradients that stays. Default: 0.95. */
  readonly momentum?: number
  /** Which weights it is for. Default: matrices and kernels, except the last one of the model, which gives the output. */
  readonly matrices?: (parameter: Parameter) => boolean
  /** For all other parameters. Default: Adam. */
  readonly rest?: Optimizer
  /** Learning rate of the rest, as a share of that of matrices. Default: 0.05. */
  readonly restRate?: number
}

/** Of the iteration a X + b (X X') X + c (X X')^2 X that takes singular values to about 1 (Jordan et al. 2024). */
const [A, B, C] = [3.4445, -4.775, 2.0315]
const ITERATIONS = 5

/**
 * Momentum made orthogonal, by five steps of a Newton-Schulz iteration, for matrices; another optimiser for the rest
 * (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks", https://kellerjordan.github.io/posts/muon/).
 * Kernels count as matrices `[filters, all the rest]`.
 */
export function muon({ momentum = 0.95, matrices, rest = adam(), restRate = 0.05 }: MuonOptions = {}): Optimizer {
  checkSettings('muon', { momentum: [momentum, CARRIED], restRate: [restRate, AMOUNT] })
  return (update, trained) => {
    const { g, learningRate, state } = update
    const last = trained.findLast(({ parameter }) => isMatrix(parameter))?.parameter
    const isOwn = matrices ?? ((parameter: Parameter) => isMatrix(parameter) && parameter !== last)
    const others = trained.filter(({ parameter }) => !isOwn(parameter))
    const otherRate = g.scale(learningRate, restRate)
    const otherNext = others.length > 0 ? rest({ ...update, learningRate: otherRate }, others) : []
    const own = ({ parameter, gradient }: Trained) => {
      const velocity = state(parameter, 'momentum', (before) => g.add(g.scale(before, momentum), gradient))
      const direction = g.add(gradient, g.scale(velocity, momentum))
      const { rows, columns, rate } = matrixOf(parameter)
      const even = orthogonal(g, g.reshape(direction, [rows, columns]))
      const change = g.mul(even, g.scale(learningRate, rate))
      return g.sub(parameter.value, g.reshape(change, parameter.shape))
    }
    return trained.map((each) => {
      const at = others.indexOf(each)
      return at >= 0 ? otherNext[at]! : own(each)
    })
  }
}

function isMatrix({ kind, shape }: Parameter): boolean {
  return kind === 'weight' && shape.length >= 2
}

/** A weight as a matrix; `rate`: sqrt(max(1, outputs / inputs)), so that outputs change alike whatever the shape. */
function matrixOf({ shape }: Parameter): { rows: number; columns: number; rate: number } {
  const [first, ...others] = shape as [number, ...number[]]
  const rest = elementCount(others)
  const [inputs, outputs] = shape.length === 2 ? [first, rest] : [rest, first]
  return { rows: first, columns: rest, rate: Math.sqrt(Math.max(1, outputs / inputs)) }
}

/** The nearest matrix whose singular values are all about 1. Works on the shorter side. */
function orthogonal(g: GraphBuilder, matrix: Value): Value {
  const [rows, columns] = matrix.shape as [number, number]
  const isTall = rows > columns
  const norm = g.apply('ReduceL2', [matrix], { keepdims: 0 })
  let x = g.div(isTall ? g.swapLast(matrix) : matrix, g.shift(norm, 1e-7))
  for (let i = 0; i < ITERATIONS; i++) {
    const square = g.gemm(x, x, { transB: true })
    const powers = g.apply('Gemm', [square, square, square], { alpha: { float: C }, beta: { float: B } })
    x = g.apply('Gemm', [powers, x, x], { beta: { float: A } })
  }
  return isTall ? g.swapLast(x) : x
}
