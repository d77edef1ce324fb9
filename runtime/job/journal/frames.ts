import type { Log } from '../../log/index.ts'

/** Frames of the sealed groups from an entry on, up to `maxBytes` of them; at least one, when there is one. */
export async function framesFrom(log: Log, fromSeq: number, maxBytes: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  let sizeBytes = 0
  if (fromSeq > log.tail) return frames
  for await (const { frame } of log.groups(fromSeq)) {
    sizeBytes += frame.byteLength
    if (frames.length > 0 && sizeBytes > maxBytes) break
    frames.push(frame)
  }
  return frames
}
