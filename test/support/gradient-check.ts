import * as assert from 'uvu/assert'
import { OnnxRuntimeEngine } from '../../runtime/compute/engine/onnxruntime.ts'
import {
  emit,
  GraphBuilder,
  gradients,
  type Model,
  type Target,
  type Value,
  writeModel,
} from '../../runtime/compute/graph/index.ts'
import { elementCount } from '../../runtime/data/tensor/check.ts'
import { type NamedTensors, type Tensor, tensorOf, typedArrayOf } from '../../runtime/data/tensor/index.ts'

/** Runs a model once, in this process. */
export async function runModel(model: Model, inputs: NamedTensors): Promise<NamedTensors> {
  const engine = await new OnnxRuntimeEngine().load({ graph: writeModel(model) })
  try {
    return await engine.run(inputs)
  } finally {
    await engine.close()
  }
}

/** Numbers from -1 to 1 that look random and are the same each time. */
export function someNumbers(count: number, seed = 1): Float64Array {
  let state = (seed * 2_654_435_761) >>> 0
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** Inputs of a case, by the names that cases use. */
type Named = Readonly<Record<'a' | 'b' | 'c' | 'w' | 'x' | 'bias' | 'scale' | 'slope' | 'table', Value>>

/** A graph to differentiate: inputs by name, and the value made of them. */
export interface GradientCase {
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly build: (g: GraphBuilder, inputs: Named) => Value
  /** Default: float64, where the engine has kernels for it; float32 is compared more loosely. */
  readonly dtype?: 'float32' | 'float64'
  readonly target?: Target
  /** Values of the inputs, where -1 to 1 does not do (a logarithm), or two may not lie close together (a maximum). */
  readonly map?: (x: number, index: number) => number
  /** Largest difference allowed, as a share of the largest gradient. Default: 1e-6 (float64), 2e-2 (float32). */
  readonly tolerance?: number
}

/**
 * Compares the gradients of a weighted sum of the value, for each element of each input, with central differences;
 * fails with the input and the numbers.
 */
export async function checkGradients(
  what: string,
  { inputs, build, dtype = 'float64', target, map = (x) => x, tolerance }: GradientCase,
) {
  const g = new GraphBuilder(target)
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => [name, g.input(name, { dtype, shape })]),
  )
  const y = build(g, values as Named)
  const weights = someNumbers(elementCount(y.shape), 7)
  const loss = g.sum(g.mul(y, g.constant(tensorFrom(weights, y.shape, dtype))), undefined, false)
  const names = Object.keys(inputs)
  const found = gradients(g, loss, Object.values(values))
  const outputs = { loss, ...Object.fromEntries(found.map((gradient, i) => [`d.${names[i]}`, gradient])) }
  const feeds = Object.fromEntries(
    names.map((name, i) => [
      name,
      tensorFrom(
        someNumbers(elementCount(inputs[name]!), i + 1).map((x, at) => map(x, at)),
        inputs[name]!,
        dtype,
      ),
    ]),
  )
  const told = await runModel(emit(g, { outputs, keepInputs: true }), feeds)
  const forward = await new OnnxRuntimeEngine().load({
    graph: writeModel(emit(g, { outputs: { loss }, keepInputs: true })),
  })
  const lossAt = async (changed: NamedTensors) => Number(typedArrayOf((await forward.run(changed)).loss!)[0])
  const step = dtype === 'float64' ? 1e-5 : 1e-2
  try {
    for (const name of names) {
      const analytic = Array.from(typedArrayOf(told[`d.${name}`]!) as Float64Array)
      assert.equal(told[`d.${name}`]!.shape, [...inputs[name]!], `${what}: the shape of the gradient of ${name}`)
      const numeric: number[] = []
      for (let i = 0; i < analytic.length; i++) {
        const at = async (shift: number) => {
          const moved = (typedArrayOf(feeds[name]!) as Float64Array).slice()
          moved[i]! += shift
          return lossAt({ ...feeds, [name]: tensorFrom(moved, inputs[name]!, dtype) })
        }
        numeric.push(((await at(step)) - (await at(-step))) / (2 * step))
      }
      const scale = Math.max(...numeric.map(Math.abs), 1e-3)
      const worst = Math.max(...analytic.map((value, i) => Math.abs(value - numeric[i]!))) / scale
      const allowed = tolerance ?? (dtype === 'float64' ? 1e-6 : 2e-2)
      assert.ok(
        worst <= allowed,
        `${what}: the gradient of ${name} is off by ${worst} of its scale:\n${analytic}\n${numeric}`,
      )
    }
  } finally {
    await forward.close()
  }
}

function tensorFrom(values: ArrayLike<number>, shape: readonly number[], dtype: 'float32' | 'float64'): Tensor {
  return tensorOf(dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values), shape)
}
