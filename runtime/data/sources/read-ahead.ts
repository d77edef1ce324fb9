/**
 * Results of `next` in order, with up to `depth` calls under way or waiting to be taken: work goes on while the taker
 * is busy, and stops when it is not taken. `next` answers as an iterator's does, and is not called after `done`.
 */
export async function* readAhead<T>(
  next: () => Promise<IteratorResult<T, unknown>>,
  depth: number,
): AsyncGenerator<T, void, undefined> {
  const underway: Promise<IteratorResult<T, unknown>>[] = []
  const begin = () => {
    const result = next()
    result.catch(() => {}) // it is thrown where it is taken; what is never taken needs no handler
    underway.push(result)
  }
  try {
    while (underway.length < depth) begin()
    for (;;) {
      const { done, value } = await underway.shift()!
      if (done) return
      begin()
      yield value
    }
  } finally {
    await Promise.allSettled(underway)
  }
}
