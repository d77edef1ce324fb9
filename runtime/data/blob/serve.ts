import { type Digest, isAividaError, peerError, toAividaError } from '../../base/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { notFound } from './blob-errors.ts'
import { blobReplyCodec, blobRequestCodec } from './protocol.ts'
import type { BlobStore, OpenBlob } from './store.ts'
import { chunkCount, packDigests } from './tree.ts'

/** How a provider serves. */
export interface ServeOptions {
  /** Lets a peer read a blob, or throws `grant.*`; asked before anything is said about the blob. */
  authorise(peer: string, request: { readonly blob: Digest; readonly grant?: Uint8Array }): void | Promise<void>
  readonly signal?: AbortSignal
  /** Told of every body sent, in bytes. */
  sent?(bytes: number): void
}

/**
 * Answers a peer's blob requests until it ends the stream: one after the other, at most one chunk in memory. Chunks are
 * checked as they are read, so that a failing disk does not make this node a liar. A peer that breaks the protocol is
 * cut off. Throws what the channel throws, and `blob.protocol`.
 */
export async function serveBlobs(
  channel: Channel,
  store: Pick<BlobStore, 'open'>,
  options: ServeOptions,
): Promise<void> {
  const { signal } = options
  let opened: OpenBlob | undefined

  async function answer(header: Uint8Array): Promise<{ readonly reply: Reply; readonly body?: Uint8Array }> {
    const request = blobRequestCodec.decode(header)
    if (request.type === 'chunk') {
      if (!opened || request.index >= chunkCount(opened.sizeBytes))
        throw peerError('blob.protocol', `${channel.peer} asked for chunk ${request.index} of a blob it has not opened`)
      return { reply: { type: 'chunk', index: request.index }, body: await opened.chunk(request.index) }
    }
    const { blob, grant, tree } = request
    await options.authorise(channel.peer, { blob, ...(grant && { grant }) })
    await opened?.close()
    opened = undefined
    opened = await store.open(blob, { verify: true })
    const { sizeBytes } = opened
    if (chunkCount(sizeBytes) <= 1)
      return { reply: { type: 'content', sizeBytes }, body: await opened.read(0, sizeBytes) }
    const reply: Reply = { type: 'tree', sizeBytes }
    return tree ? { reply, body: packDigests((await opened.tree()).chunks) } : { reply }
  }

  try {
    for (;;) {
      const frame = await channel.receive({ ...(signal && { signal }) })
      if (!frame) break
      const { reply, body } = await answer(frame.header).catch((error) => ({ reply: refusal(error), body: undefined }))
      await channel.send(blobReplyCodec.encode(reply), body && [body], { ...(signal && { signal }) })
      if (body) options.sent?.(body.byteLength)
    }
    await channel.end()
  } catch (error) {
    channel.abort(toAividaError(error))
    throw error
  } finally {
    await opened?.close()
  }
}

type Reply = Parameters<typeof blobReplyCodec.encode>[0]

/**
 * What may be told of an error: refusals as they are, a damaged blob as one that is not here; the rest ends the stream.
 */
function refusal(error: unknown): Reply {
  if (isAividaError(error, 'blob.corrupt')) return refusal(notFound(String(error.facts.blob)))
  if (!isAividaError(error) || !/^(grant\.|blob\.not-found$)/.test(error.code)) throw error
  return { type: 'refused', code: error.code, message: error.message.slice(0, 1024) }
}
