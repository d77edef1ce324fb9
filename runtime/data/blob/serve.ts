import { type Digest, isAividaError, limit, peerError, toAividaError } from '../../base/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { packBits, setBits } from './bitmap.ts'
import { notFound } from './blob-errors.ts'
import { News } from './news.ts'
import { blobReplyCodec, blobRequestCodec } from './protocol.ts'
import type { Reader, Spread } from './spread.ts'
import type { ArrivingBlob, BlobStore, OpenBlob } from './store.ts'
import { chunkCount, packDigests } from './tree.ts'
import type { UploadTurns } from './upload-turns.ts'

/** What a provider reads from. */
export type ServedStore = Pick<BlobStore, 'open' | 'arriving'>

/** How a provider serves. */
export interface ServeOptions {
  /**
   * Lets a peer read a blob, or throws `grant.*`; asked once, before anything is said about the blob: what was opened is
   * read to its end, as large models take longer than a grant lasts. A name that comes back
   * is what the blob is read for: those who read it for the same are told of each other, and each is given other chunks.
   */
  authorise(
    peer: string,
    request: { readonly blob: Digest; readonly grant?: Uint8Array },
  ): string | undefined | Promise<string | undefined>
  readonly signal?: AbortSignal
  /** Told of every body sent, in bytes. */
  sent?(bytes: number): void
  /** Shared by all streams of a node. Default: readers are not told of each other. */
  readonly spread?: Spread
  /** Shared by all streams of a node. Default: everybody at once. */
  readonly turns?: UploadTurns
}

type Request = ReturnType<typeof blobRequestCodec.decode>
type Reply = Parameters<typeof blobReplyCodec.encode>[0]
type Answer = { readonly reply: Reply; readonly body?: Uint8Array }

/**
 * Answers a peer's blob requests until it ends the stream: one after the other, at most one chunk in memory. Chunks are
 * checked as they are read, so that a failing disk does not make this node a liar. A blob that is still arriving is
 * served as far as it is here, to peers that take a part. A peer that breaks the protocol is cut off. Throws what the
 * channel throws, and `blob.protocol`.
 */
export async function serveBlobs(channel: Channel, store: ServedStore, options: ServeOptions): Promise<void> {
  const { signal, turns } = options
  const serving = new Serving(channel, store, options)
  try {
    for (;;) {
      const frame = await channel.receive({ ...(signal && { signal }) })
      if (!frame) break
      const done = await turns?.take(channel.peer)
      try {
        const { reply, body } = await serving.answer(blobRequestCodec.decode(frame.header)).catch(refusal)
        await channel.send(blobReplyCodec.encode(reply), body && [body], { ...(signal && { signal }) })
        serving.answered(reply)
        if (body) options.sent?.(body.byteLength)
      } finally {
        done?.()
      }
    }
    await channel.end()
  } catch (error) {
    channel.abort(toAividaError(error))
    throw error
  } finally {
    await serving.leave()
  }
}

/** One stream's blob: what is open of it, and who is told what. */
class Serving {
  readonly #channel: Channel
  readonly #store: ServedStore
  readonly #options: ServeOptions
  #root: Digest | undefined
  #sizeBytes = 0
  #whole: OpenBlob | undefined
  #part: ArrivingBlob | undefined
  #reader: Reader | undefined
  #news: News | undefined
  #stopNews: () => void = () => {}

  constructor(channel: Channel, store: ServedStore, options: ServeOptions) {
    this.#channel = channel
    this.#store = store
    this.#options = options
  }

  async answer(request: Request): Promise<Answer> {
    switch (request.type) {
      case 'open':
        return this.#open(request)
      case 'chunk':
        return this.#chunk(request.index)
      case 'any': {
        if (!this.#reader)
          throw peerError('blob.protocol', `${this.#channel.peer} left a choice to this node, which did not offer that`)
        const count = Math.min(limit('blobChoiceChunks'), chunkCount(this.#sizeBytes) - request.from)
        const wanted = setBits(request.wanted, count).map((bit) => request.from + bit)
        const index = this.#reader.choose(wanted)
        return index === undefined ? { reply: { type: 'none' } } : this.#chunk(index)
      }
    }
  }

  /** What follows an answer that has gone. */
  answered(reply: Reply): void {
    if (reply.type === 'tree') this.#news?.start()
  }

  async leave(): Promise<void> {
    this.#stopNews()
    this.#stopNews = () => {}
    this.#reader?.leave()
    this.#news?.stop()
    const open = this.#whole
    this.#root = this.#whole = this.#part = this.#reader = this.#news = undefined
    await open?.close()
  }

  async #open({ blob, grant, tree, partial = false }: Extract<Request, { type: 'open' }>): Promise<Answer> {
    const { authorise, spread } = this.#options
    const purpose = await authorise(this.#channel.peer, { blob, ...(grant && { grant }) })
    await this.leave()
    const part = partial ? this.#store.arriving(blob) : undefined
    if (!part) this.#whole = await this.#store.open(blob, { verify: true })
    this.#part = part
    this.#sizeBytes = part?.tree.sizeBytes ?? this.#whole?.sizeBytes ?? 0
    this.#root = blob
    const sizeBytes = this.#sizeBytes
    if (this.#whole && chunkCount(sizeBytes) <= 1)
      return { reply: { type: 'content', sizeBytes }, body: await this.#whole.read(0, sizeBytes) }
    if (partial) this.#follow(blob, purpose, spread)
    const reply: Reply = {
      type: 'tree',
      sizeBytes,
      ...(part && { have: packBits(chunkCount(sizeBytes), (index) => part.has(index)) }),
      ...(this.#reader && { chooses: true }),
    }
    return tree ? { reply, body: packDigests((part?.tree ?? (await this.#whole!.tree())).chunks) } : { reply }
  }

  /** Lets the peer hear of what comes here, and of whom else it may ask. */
  #follow(blob: Digest, purpose: string | undefined, spread: Spread | undefined): void {
    const news = new News(this.#channel)
    this.#news = news
    if (this.#part) {
      this.#stopNews = this.#part.subscribe((index) => news.came(index))
    } else if (spread && purpose !== undefined) {
      this.#reader = spread.join(`${purpose}/${blob}`, this.#channel.peer, (peer) => news.joined(peer))
      for (const peer of this.#reader.peers()) news.joined(peer)
    }
  }

  async #chunk(index: number): Promise<Answer> {
    const { peer } = this.#channel
    if (this.#root === undefined || index >= chunkCount(this.#sizeBytes))
      throw peerError('blob.protocol', `${peer} asked for chunk ${index} of a blob it has not opened`)
    const body = await this.#read(this.#root, index)
    this.#reader?.gave(index)
    return { reply: { type: 'chunk', index }, body }
  }

  /** What arrived in part may be whole by now. */
  async #read(root: Digest, index: number): Promise<Uint8Array> {
    if (this.#whole) return this.#whole.chunk(index)
    try {
      return await this.#part!.chunk(index)
    } catch (error) {
      if (!isAividaError(error, 'blob.not-found')) throw error
      this.#whole = await this.#store.open(root, { verify: true })
      return this.#whole.chunk(index)
    }
  }
}

/**
 * What may be told of an error: refusals as they are, a damaged blob as one that is not here; the rest ends the stream.
 */
function refusal(error: unknown): Answer {
  if (isAividaError(error, 'blob.corrupt')) return refusal(notFound(String(error.facts.blob)))
  if (!isAividaError(error) || !/^(grant\.|blob\.not-found$)/.test(error.code)) throw error
  return { reply: { type: 'refused', code: error.code, message: error.message.slice(0, 1024) } }
}
