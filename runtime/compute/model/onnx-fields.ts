// Field numbers of the messages that the scan walks (onnx.proto3, ONNX 1.19), by message.

/** ModelProto. */
export const MODEL = { graph: 7, opsetImport: 8, trainingInfo: 20, functions: 25 } as const
/** OperatorSetIdProto. */
export const OPSET = { domain: 1, version: 2 } as const
/** GraphProto. */
export const GRAPH = { node: 1, initializer: 5, input: 11, output: 12, sparseInitializer: 15 } as const
/** NodeProto. */
export const NODE = { input: 1, name: 3, opType: 4, attribute: 5, domain: 7, overload: 8 } as const
/** AttributeProto. */
export const ATTRIBUTE = { tensor: 5, graph: 6, tensors: 10, graphs: 11, sparseTensor: 22, sparseTensors: 23 } as const
/** FunctionProto. */
export const FUNCTION = { name: 1, node: 7, domain: 10, attributeProto: 11, overload: 13 } as const
/** TensorProto. */
export const TENSOR = {
  dims: 1,
  dataType: 2,
  segment: 3,
  name: 8,
  externalData: 13,
  dataLocation: 14,
} as const
/** SparseTensorProto. */
export const SPARSE_TENSOR = { values: 1, indices: 2, dims: 3 } as const
/** StringStringEntryProto. */
export const ENTRY = { key: 1, value: 2 } as const
/** ValueInfoProto. */
export const VALUE_INFO = { name: 1, type: 2 } as const
/** TypeProto. */
export const TYPE = { tensor: 1 } as const
/** TypeProto.Tensor. */
export const TENSOR_TYPE = { elementType: 1, shape: 2 } as const
/** TensorShapeProto. */
export const SHAPE = { dim: 1 } as const
/** TensorShapeProto.Dimension. */
export const DIMENSION = { value: 1, param: 2 } as const
