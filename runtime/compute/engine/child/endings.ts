import { AividaError } from '../../../base/errors.ts'

/** How a child ended. */
export interface Exit {
  /** Exit code; `undefined` when a signal ended it or it never started. */
  readonly code?: number
  readonly signal?: string
  /** The end of what it wrote to stderr, or why it did not start. */
  readonly lastWords: string
}

/** The child took too long: `engine.timeout`. Another machine, or a smaller shard, may do it. */
export function timeout(what: string, limitMs: number): AividaError {
  return new AividaError({
    code: 'engine.timeout',
    category: 'timeout',
    message: `the engine child was ended: ${what} took longer than ${limitMs} ms`,
    retryable: true,
    facts: { limitMs },
  })
}

/** The child took too much memory: `engine.out-of-memory`. */
export function outOfMemory(residentBytes: number, limitBytes: number): AividaError {
  return new AividaError({
    code: 'engine.out-of-memory',
    category: 'platform',
    message: `the engine child was ended: it held ${residentBytes} bytes of memory, ${limitBytes} allowed; use smaller shards`,
    facts: { residentBytes, limitBytes },
  })
}

/** A message that would not fit into the child's memory: `engine.out-of-memory`. The child lives on. */
export function tooLarge(sizeBytes: number, limitBytes: number): AividaError {
  return new AividaError({
    code: 'engine.out-of-memory',
    category: 'platform',
    message: `${sizeBytes} bytes of tensors do not fit into the ${limitBytes} that an engine child may use; use smaller shards`,
    facts: { sizeBytes, limitBytes },
  })
}

/** The child is gone: `engine.died`, or `engine.out-of-memory` when its last words say so. */
export function died(exit: Exit | undefined, reason: AividaError | undefined): AividaError {
  const { code, signal, lastWords = '' } = exit ?? {}
  const how = signal ? `signal ${signal}` : code !== undefined ? `exit code ${code}` : 'it did not start'
  const starved = /heap out of memory|bad_alloc/.test(lastWords)
  return new AividaError({
    code: starved ? 'engine.out-of-memory' : 'engine.died',
    category: 'platform',
    message: reason
      ? `the engine child had been ended: ${reason.message}`
      : `the engine child died (${how})${lastWords && `; its last words: ${lastWords}`}`,
    retryable: !starved,
    cause: reason,
    facts: { ...(code !== undefined && { exitCode: code }), ...(signal !== undefined && { signal }), lastWords },
  })
}
