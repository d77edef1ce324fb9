/** The ONNX file: reading and writing it, what a model takes and gives, and adding nodes around it. */
export * from './compose.ts'
export * from './model.ts'
export type { Attribute, NodeSpec } from './node.ts'
export { DATA_TYPE_CODES, dtypeOf } from './onnx-codes.ts'
export * from './signature.ts'
export * from './weights.ts'
