import type * as Tf from '@tensorflow/tfjs'
import { type AividaError, userError } from '../../../base/errors.ts'
import type { DType } from '../../../data/tensor/tensor.ts'
import type { AttributeProto, NodeProto, TensorProto } from '../../graph/onnx/onnx_pb.ts'
import type { Tf as TfModule } from './library.ts'
import type { Value } from './value.ts'

/** A node of a graph at work: what a row of the table of operators is given. */
export class Call {
  readonly tf: TfModule
  readonly node: NodeProto
  /** `undefined` where an optional input is absent. */
  readonly inputs: readonly (Value | undefined)[]

  constructor(tf: TfModule, node: NodeProto, inputs: readonly (Value | undefined)[]) {
    this.tf = tf
    this.node = node
    this.inputs = inputs
  }

  /** An input that must be there. */
  value(index: number): Value {
    const value = this.inputs[index]
    if (!value) throw this.fail(`expected input ${index}, found none`)
    return value
  }

  /** The tensor of an input that must be there. */
  x(index: number): Tf.Tensor {
    return this.value(index).tensor
  }

  /** The tensor of an input, if it is there. */
  maybe(index: number): Tf.Tensor | undefined {
    return this.inputs[index]?.tensor
  }

  /** Integers that an input holds: axes, sizes, positions. */
  numbers(index: number): readonly number[] {
    const { numbers, tensor } = this.value(index)
    return numbers ?? Array.from(tensor.dataSync())
  }

  /** The same; `undefined` where the input is absent. */
  maybeNumbers(index: number): readonly number[] | undefined {
    return this.inputs[index] && this.numbers(index)
  }

  attribute(name: string): AttributeProto | undefined {
    return this.node.attribute.find((attribute) => attribute.name === name)
  }

  int(name: string, missing: number): number {
    const found = this.attribute(name)
    return found ? Number(found.i) : missing
  }

  float(name: string, missing: number): number {
    return this.attribute(name)?.f ?? missing
  }

  text(name: string, missing: string): string {
    const found = this.attribute(name)
    return found ? new TextDecoder().decode(found.s) : missing
  }

  ints(name: string): readonly number[] | undefined {
    return this.attribute(name)?.ints.map(Number)
  }

  tensorAttribute(name: string): TensorProto | undefined {
    return this.attribute(name)?.t
  }

  /** Inputs that the operator has no answer for: `engine.run-failed`. */
  fail(why: string): AividaError {
    return userError('engine.run-failed', `node ${nodeName(this.node)}: ${why}`)
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    if (axis < -rank || axis >= rank) throw this.fail(`axis ${axis} of a tensor of rank ${rank}`)
    return axis < 0 ? axis + rank : axis
  }

  /** A result in the element type of an input. */
  like(tensor: Tf.Tensor, index = 0): Value {
    return { dtype: this.value(index).dtype, tensor }
  }

  /** Float arithmetic, or integers that wrap where ONNX's do; smaller ones would not. */
  arithmetic(...indices: number[]): void {
    for (const index of indices) {
      const { dtype } = this.value(index)
      if (!ARITHMETIC.includes(dtype)) throw this.refuse(`no arithmetic on ${dtype}; cast it before`)
    }
  }

  /** What this engine does not do: `engine.unsupported-op`, naming node and operator. */
  refuse(why: string): AividaError {
    return unsupported(this.node, why)
  }
}

const ARITHMETIC: readonly DType[] = ['float32', 'int32', 'int64']

/** `engine.unsupported-op`, naming node and operator. */
export function unsupported(node: NodeProto, why: string): AividaError {
  const { domain, opType } = node
  const operator = domain === '' ? opType : `${domain}.${opType}`
  return userError(
    'engine.unsupported-op',
    `node ${nodeName(node)}: ${why}. TensorFlow.js cannot run this graph: use onnxruntime, or a row for it in compute/engine/tfjs/operators`,
    { node: node.name, operator },
  )
}

/** A node in messages; those without a name go by what they compute. */
export function nodeName({ name, opType, output }: NodeProto): string {
  return `"${name === '' ? (output[0] ?? '') : name}" (${opType})`
}
