import { userError } from '../../base/errors.ts'
import type { DType, Tensor } from '../../data/tensor/tensor.ts'

/**
 * Throws `tensor.not-finite`, naming the first place, when a float tensor holds NaN or an infinity. Any other dtype
 * passes.
 */
export function checkFinite(name: string, tensor: Tensor): void {
  const layout = FLOATS[tensor.dtype]
  if (!layout) return
  const { bytes, highByte, exponent } = layout
  // The sign, the exponent and the start of the fraction lie in the last one or two bytes of a little-endian float.
  const data = tensor.data
  for (let at = 0; at < data.byteLength; at += bytes) {
    const top = (data[at + bytes - 1]! << 8) | data[at + highByte]!
    if ((top & exponent) === exponent)
      throw userError('tensor.not-finite', `tensor "${name}" holds NaN or an infinity at element ${at / bytes}`, {
        tensor: name,
        element: at / bytes,
      })
  }
}

const FLOATS: Partial<Record<DType, { bytes: number; highByte: number; exponent: number }>> = {
  float16: { bytes: 2, highByte: 0, exponent: 0x7c00 },
  bfloat16: { bytes: 2, highByte: 0, exponent: 0x7f80 },
  float32: { bytes: 4, highByte: 2, exponent: 0x7f80 },
  float64: { bytes: 8, highByte: 6, exponent: 0x7ff0 },
}
