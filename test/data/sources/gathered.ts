import { type Batch, openSource, type SourceOptions } from '../../../runtime/data/sources/index.ts'
import { concatRows, stringsOf, type Tensor, typedArrayOf } from '../../../runtime/data/tensor/index.ts'

/** All batches of a source, opened and closed for it. */
export async function gathered(
  input: Parameters<typeof openSource>[0],
  options: SourceOptions,
  fromRow = 0,
): Promise<Batch[]> {
  const source = await openSource(input, options)
  try {
    return await Array.fromAsync(source.batches(fromRow))
  } finally {
    await source.close()
  }
}

/** The elements of one input over several batches. */
export function column(batches: readonly Batch[], name: string): unknown[] {
  return elements(concatRows(batches.map(({ tensors }) => tensors[name]!)))
}

/** The elements of a tensor. */
export function elements(tensor: Tensor): unknown[] {
  return tensor.dtype === 'string' ? stringsOf(tensor) : [...(typedArrayOf(tensor) as Iterable<unknown>)]
}
