/** Models of others, as weights and operators that can be trained: forward ONNX models, and those of TensorFlow.js. */
export * from './imported-model.ts'
export * from './imported-network.ts'
export { tensorFromProto, type WeightFiles } from './tensors.ts'
export * from './tfjs/index.ts'
