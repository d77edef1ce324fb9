import { open, stat } from 'node:fs/promises'
import { type Clock, sleep } from '../base/index.ts'

const POLL_MS = 250
const READ_BYTES = 64 * 1024
/** How far back the last lines are looked for. */
const TAIL_BYTES = 1024 * 1024

/** The last complete lines of a file, at most `count`, and the position after them. */
export async function lastLines(path: string, count: number): Promise<{ lines: string[]; position: number }> {
  await using file = await open(path)
  const { size } = await file.stat()
  const from = Math.max(0, size - TAIL_BYTES)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from)
  const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
  const lines = buffer.toString('utf8', 0, end).split('\n').slice(0, -1)
  if (from > 0) lines.shift() // cut in the middle
  return { lines: lines.slice(Math.max(0, lines.length - count)), position: from + end }
}

/** Lines as they are appended after `position`, over to the next file when the log is rolled, until the signal fires. */
export async function* followFile(
  path: string,
  position: number,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  while (!signal.aborted) {
    await using file = await open(path)
    const { ino } = await file.stat()
    let partial = Buffer.alloc(0)
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position)
      if (bytesRead > 0) {
        position += bytesRead
        const bytes = Buffer.concat([partial, buffer.subarray(0, bytesRead)])
        const end = bytes.lastIndexOf(10) + 1
        partial = bytes.subarray(end)
        yield* bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
        continue
      }
      if (await sleep(clock, POLL_MS, signal).catch(() => true)) return
      const now = await stat(path).catch(() => undefined)
      if (now && now.ino !== ino) break
    }
    position = 0
  }
}
