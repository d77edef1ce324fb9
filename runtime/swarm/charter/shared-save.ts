/**
 * Saves that are asked for while one is under way share the next one, so that a crowd of newcomers costs a few durable
 * writes, not one each. The returned function resolves when a save that began after the call has ended.
 */
export function sharedSave(save: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  return () => {
    next ??= last.then(() => {
      next = undefined
      const saved = save()
      last = saved.catch(() => {})
      return saved
    })
    return next
  }
}
