import { type AividaError, userError } from '../../../base/index.ts'
import type { Tensor } from '../../../data/tensor/tensor.ts'
import { typedArrayOf } from '../../../data/tensor/typed-array.ts'
import type { GraphBuilder } from './graph-builder.ts'
import type { Attributes, GraphNode, TensorType, Value } from './value.ts'

/**
 * What is known of an operator (https://onnx.ai/onnx/operators/, opset {@link OPSET}): one row of the table, one home
 * for its shapes, its gradient and its cost.
 */
export interface Operator {
  /** Types of its outputs. Throws through {@link OperatorCall.refuse}. */
  readonly infer: (call: OperatorCall) => readonly TensorType[]
  /** How many outputs a file must name; those after them are left out where nobody reads them. Default: all. */
  readonly requiredOutputs?: number
  /** Its only output, where that is known when the graph is built. */
  readonly fold?: (call: OperatorCall) => Tensor | undefined
  /** Gradients of the inputs, in their order; undefined where there is none. Absent: not differentiable. */
  readonly gradient?: (context: GradientContext) => readonly (Value | undefined)[]
  /** Arithmetic operations of one run; a multiplication with its addition counts as two. Default: one per element of the first output. */
  readonly operations?: (call: OperatorCall, outputs: readonly TensorType[]) => number
}

/**
 * How an operator is built of others: all of its outputs that anybody needs, or undefined where this call of it stays an
 * operator of its own.
 */
export type Composite = (g: GraphBuilder, call: OperatorCall) => readonly Value[] | undefined

/** The operator set that graphs are built in: the last in which every engine here has all of its operators. */
export const OPSET = 18

/** A call of an operator, with what its row asks of it. */
export class OperatorCall {
  readonly op: string
  readonly inputs: readonly (Value | undefined)[]
  readonly attributes: Attributes
  readonly layer: string

  constructor({ op, inputs, attributes, layer }: Pick<GraphNode, 'op' | 'inputs' | 'attributes' | 'layer'>) {
    this.op = op
    this.inputs = inputs
    this.attributes = attributes
    this.layer = layer
  }

  /** An input that must be there. Throws `graph.input`. */
  input(index: number): Value {
    const value = this.inputs[index]
    if (!value) throw this.refuse('input', `expected input ${index}, found none`)
    return value
  }

  /** Whether an input is there: optional ones may be left out. */
  has(index: number): boolean {
    return this.inputs[index] !== undefined
  }

  /** An attribute that is a whole number, or what it is when it is missing. Throws `graph.attribute`. */
  int(name: string, missing: number): number {
    const value = this.attributes[name] ?? missing
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw this.refuse('attribute', `expected an integer for ${name}, found ${JSON.stringify(value)}`)
    return Number(value)
  }

  /** An attribute of whole numbers. Throws `graph.attribute`. */
  ints(name: string, missing: readonly number[]): number[] {
    const value = this.attributes[name] ?? missing
    if (!Array.isArray(value)) throw this.refuse('attribute', `expected integers for ${name}`)
    return value.map(Number)
  }

  /** An attribute that is a number. Throws `graph.attribute`. */
  float(name: string, missing: number): number {
    const value = this.attributes[name]
    if (value === undefined) return missing
    if (typeof value !== 'object' || !('float' in value)) throw this.refuse('attribute', `expected a float for ${name}`)
    return value.float
  }

  /** An attribute that is a text. Throws `graph.attribute`. */
  text(name: string, missing: string): string {
    const value = this.attributes[name] ?? missing
    if (typeof value !== 'string') throw this.refuse('attribute', `expected text for ${name}`)
    return value
  }

  /** The integers of an input that must be known while the graph is built; `missing` where there is none. Throws `graph.dynamic`. */
  known(index: number, what: string, missing?: readonly number[]): number[] {
    const value = this.inputs[index]
    if (!value) {
      if (missing) return [...missing]
      throw this.refuse('input', `expected ${what} as input ${index}, found none`)
    }
    if (!value.constant)
      throw this.refuse('dynamic', `expected ${what} to be a constant, found ${value.name}, which is computed`)
    return Array.from(typedArrayOf(value.constant) as ArrayLike<number | bigint>, Number)
  }

  /** An axis counted from the front. Throws `graph.shape`. */
  axis(axis: number, rank: number): number {
    if (axis < -rank || axis >= rank)
      throw this.refuse('shape', `expected an axis from ${-rank} to ${rank - 1}, found ${axis}`)
    return axis < 0 ? axis + rank : axis
  }

  /** An error that names the layer and the operator: `graph.WHAT`. */
  refuse(what: string, message: string): AividaError {
    const where = this.layer === '' ? this.op : `${this.layer} (${this.op})`
    return userError(`graph.${what}`, `${where}: ${message}`, { layer: this.layer, op: this.op })
  }
}

/** What a gradient rule works with. */
export interface GradientContext {
  readonly g: GraphBuilder
  readonly call: OperatorCall
  readonly inputs: readonly (Value | undefined)[]
  readonly outputs: readonly Value[]
  /** The gradient of the first output. */
  readonly d: Value
  /** Gradients of all outputs; undefined where nothing depends on one. */
  readonly ds: readonly (Value | undefined)[]
  /** Whether anybody asks for the gradient of this input: a rule leaves out what nobody asks for. */
  readonly needs: (index: number) => boolean
}
