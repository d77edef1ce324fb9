import type { Codec } from '../base/encoding.ts'
import type { Log } from './log.ts'

/** A log whose entries are values of one versioned format; the rest is done on `log` itself. */
export interface TypedLog<T> {
  readonly log: Log
  /** As {@link Log.append}, of the values' encodings. */
  append(values: readonly T[], options?: { readonly epoch?: number }): Promise<{ firstSeq: number }>
  /** As {@link Log.read}; also throws what {@link Codec.decode} throws. */
  read(fromSeq: number): AsyncGenerator<{ readonly seq: number; readonly epoch: number; readonly value: T }, void>
}

/** Reads and writes a log through a codec. */
export function typedLog<T>(log: Log, codec: Codec<T>): TypedLog<T> {
  return {
    log,
    append: (values, options) => log.append(values.map(codec.encode), options),
    async *read(fromSeq) {
      for await (const { seq, epoch, entry } of log.read(fromSeq)) yield { seq, epoch, value: codec.decode(entry) }
    },
  }
}
