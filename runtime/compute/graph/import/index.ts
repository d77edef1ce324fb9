/** Models of others: a forward ONNX model as weights and operators that can be trained. */
export * from './imported-model.ts'
export * from './imported-network.ts'
export { tensorFromProto, type WeightFiles } from './tensors.ts'
