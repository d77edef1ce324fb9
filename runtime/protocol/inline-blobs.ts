import { peerError } from '../base/index.ts'

/** Cuts the blobs that came in one body apart, by name. Throws `frame.inline` when the sizes do not add up. */
export function inlineBlobs(
  inline: readonly { blob: string; sizeBytes: number }[],
  body: Uint8Array,
): Map<string, Uint8Array> {
  const total = inline.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (total !== body.byteLength)
    throw peerError('frame.inline', `the inline blobs say ${total} bytes, the body has ${body.byteLength}`)
  let offset = 0
  return new Map(
    inline.map(({ blob, sizeBytes }) => {
      const bytes = body.subarray(offset, offset + sizeBytes)
      offset += sizeBytes
      return [blob, bytes]
    }),
  )
}
