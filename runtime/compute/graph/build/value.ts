import type { DType, Tensor } from '../../../data/tensor/tensor.ts'
import type { Attribute } from '../onnx/node.ts'

/** Element type and shape of a value. Shapes are known in full while a graph is built: a step has one batch size. */
export interface TensorType {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Something a graph computes or is given. Equal only to itself: names are for the file. */
export interface Value extends TensorType {
  readonly name: string
  /** Absent for inputs and constants. */
  readonly producer?: GraphNode
  /** The elements, where they are known already: shapes, axes and what follows from them. */
  readonly constant?: Tensor
}

/** Attributes of a node, by name. */
export type Attributes = Readonly<Record<string, Attribute>>

/** One operation of a graph. */
export interface GraphNode {
  readonly op: string
  readonly domain: string
  /** Absent inputs are undefined. */
  readonly inputs: readonly (Value | undefined)[]
  readonly attributes: Attributes
  readonly outputs: readonly Value[]
  /** The layer it was built for: what errors name. */
  readonly layer: string
}
