/**
 * Tensors: what they are ({@link Tensor}), their numbers, their rows, and their bytes on the wire and on disk.
 * `arrow.ts` beside this turns them into Arrow record batches and files; it is imported on its own, because
 * apache-arrow costs 0.1 s and 20 MB that most processes can do without.
 */
export { checkTensor, checkTensors, elementCount } from './check.ts'
export { decodeTensors, digestOfTensors, encodeTensors } from './encoding.ts'
export { commonRowCount, concatRows, rowCount, sliceRows } from './rows.ts'
export * from './tensor.ts'
export { stringsOf, type TensorArray, tensorOf, typedArrayOf } from './typed-array.ts'
