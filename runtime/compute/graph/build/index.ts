/** Building graphs: values and operators with their types, reverse-mode gradients, and writing the result as ONNX. */
export * from './emit.ts'
export * from './gradient.ts'
export * from './graph-builder.ts'
export * from './operator.ts'
export * from './value.ts'
