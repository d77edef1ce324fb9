import { DTYPES, type DType } from '../../../data/tensor/tensor.ts'

/** Element types by their number in an ONNX file (`TensorProto.DataType`); those without a {@link DType} are absent. */
export const DATA_TYPE_CODES: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

/** The element type behind an ONNX number; undefined for those no engine here takes (complex, float8, 4-bit). */
export function dtypeOf(code: number): DType | undefined {
  return (Object.keys(DTYPES) as DType[]).find((dtype) => DATA_TYPE_CODES[dtype] === code)
}

/** Attribute kinds by their number in an ONNX file (`AttributeProto.AttributeType`). */
export const ATTRIBUTE_CODES = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const
