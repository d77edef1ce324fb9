import { aborted, type Digest } from '../../base/index.ts'
import { FetchAttempt } from './fetch-attempt.ts'
import type { FetchOptions, FetchReport } from './fetch-options.ts'
import type { BlobStore } from './store.ts'

/**
 * Brings a blob here from whoever has it: takes up what an earlier attempt left, checks each chunk as it arrives,
 * shares the work over several providers, and drops those that fail or lie. With co-workers, what is here of it is passed
 * on while the rest arrives. What has arrived stays when the fetch fails, unless the disk is the reason.
 * Throws `blob.not-found` or `grant.*` when that is what every provider said, `blob.no-provider` otherwise (with the
 * reasons), `disk.budget`, `disk.full`, `blob.quota`, `aborted`.
 */
export async function fetchBlob(options: FetchOptions): Promise<FetchReport> {
  const { store, root, signal } = options
  const running = fetches.get(store) ?? new Map<Digest, Promise<unknown>>()
  fetches.set(store, running)
  for (;;) {
    if (signal?.aborted) throw aborted()
    if (store.has(root)) return present(options)
    const other = running.get(root)
    if (!other) break
    await settled(other, signal)
  }
  const fetching = new FetchAttempt(options).run()
  running.set(root, fetching)
  try {
    return await fetching
  } finally {
    running.delete(root)
  }
}

/** Fetches under way, so that a blob wanted twice travels once. */
const fetches = new WeakMap<BlobStore, Map<Digest, Promise<unknown>>>()

/** Resolves when another fetch has ended, however it did. Throws `aborted`. */
function settled(other: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(aborted())
    signal?.addEventListener('abort', stop, { once: true })
    const done = () => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    other.then(done, done)
  })
}

/** A blob that is here already, pinned if asked. */
async function present({ store, root, pin }: FetchOptions): Promise<FetchReport> {
  if (pin) await store.pin([root], pin)
  return { blob: root, sizeBytes: store.sizeOf(root) ?? 0, receivedBytes: 0, dropped: [] }
}
