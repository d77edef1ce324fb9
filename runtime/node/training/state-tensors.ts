import type { NamedTensors } from '../../data/tensor/index.ts'
import { readSafetensors } from '../../data/tensor/safetensors.ts'

/** The tensors of a safetensors file, in memory. Throws `tensor.malformed`. */
export async function tensorsOf(bytes: Uint8Array): Promise<NamedTensors> {
  const read = async (at: number, length: number) => bytes.subarray(at, at + length)
  const stored = await readSafetensors({ sizeBytes: bytes.byteLength, read })
  return Object.fromEntries(
    stored.map(({ name, dtype, shape, at, sizeBytes }) => [
      name,
      { dtype, shape, data: new Uint8Array(bytes.subarray(at, at + sizeBytes)) },
    ]),
  )
}
