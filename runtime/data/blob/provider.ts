import { type AividaError, aborted, type Clock, type Digest, limit, peerError, timedOut } from '../../base/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { setBits } from './bitmap.ts'
import { wrongChunk } from './blob-errors.ts'
import type { ChunkOrder } from './chunk-plan.ts'
import { blobReplyCodec, blobRequestCodec } from './protocol.ts'
import { type BlobTree, chunkCount, treeOfBytes, unpackTree } from './tree.ts'

/** How to reach one node that may have the blob: opens a stream of `PROTOCOLS.blob` to it. */
export type OpenProvider = (options: { readonly signal: AbortSignal }) => Promise<Channel>

/** What is asked of every provider. */
export interface Asked {
  readonly root: Digest
  /** Expected size, when known. Bytes. */
  readonly sizeBytes?: number
  /** Signed bytes of the grant. */
  readonly grant?: Uint8Array
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Whether a part of the blob will do, and news is welcome. */
  readonly partial: boolean
}

/** What a provider has of a blob. */
export interface Opened {
  readonly tree: BlobTree
  /** All of it, when it is small. */
  readonly content?: Uint8Array
  /** Chunks that are there, when not all are. */
  readonly have?: readonly number[]
  /** Whether it chooses among the chunks it is shown. */
  readonly chooses: boolean
}

/** What a provider sends. */
export type ProviderMessage =
  | { readonly type: 'chunk'; readonly index: number; readonly bytes: Uint8Array }
  /** The answer to a choice: other readers were given all of these. */
  | { readonly type: 'none'; readonly of: readonly number[] }
  | { readonly type: 'news'; readonly have: readonly number[]; readonly peers: readonly string[] }

/**
 * One provider's side of a fetch. Whatever it sends is checked before it is passed on; it has `blobReplyMs` for each
 * answer.
 */
export class Provider {
  readonly peer: string
  readonly #channel: Channel
  readonly #asked: Asked
  /** Orders without an answer, oldest first, with the chunks that would do. */
  readonly #orders: { readonly type: ChunkOrder['type']; readonly chunks: readonly number[] }[] = []
  #stopWaiting: () => void = () => {}
  #late: AividaError | undefined

  private constructor(channel: Channel, asked: Asked) {
    this.peer = channel.peer
    this.#channel = channel
    this.#asked = asked
  }

  /** Reaches a provider. Throws what `open` throws, `timeout`, `aborted`. */
  static async reach(open: OpenProvider, asked: Asked): Promise<Provider> {
    return new Provider(await within(asked, 'opening a stream to a blob provider', (signal) => open({ signal })), asked)
  }

  /**
   * Opens the blob there: its content when it is small, else its tree, or only the leave to ask for chunks when `tree`
   * is known. Throws the provider's `grant.*` and `blob.not-found`, `blob.wrong-chunk`, `blob.protocol`,
   * `blob.truncated`.
   */
  async open(known?: BlobTree): Promise<Opened> {
    const { root, grant, sizeBytes, partial } = this.#asked
    const request = { type: 'open', blob: root, tree: known === undefined, ...(grant && { grant }) } as const
    await this.#send({ ...request, ...(partial && { partial }) })
    const { reply, body } = await within(this.#asked, `an answer of ${this.peer}`, (signal) => this.#receive(signal))
    if (reply.type !== 'content' && reply.type !== 'tree') throw this.#broken(`answered 'open' with '${reply.type}'`)
    const expected = known?.sizeBytes ?? sizeBytes
    if (expected !== undefined && reply.sizeBytes !== expected)
      throw this.#broken(`says that blob ${root} has ${reply.sizeBytes} bytes, expected ${expected}`)
    if (reply.type === 'content') {
      const tree = body.byteLength <= limit('chunkBytes') ? treeOfBytes(body) : undefined
      if (tree?.root !== root) throw wrongChunk(root, 0, this.peer)
      return { tree, content: body, chooses: false }
    }
    const tree = known ?? (reply.sizeBytes <= limit('blobBytes') ? unpackTree(root, reply.sizeBytes, body) : undefined)
    if (!tree) throw this.#broken(`sent chunk digests that are not those of blob ${root}`)
    const { have, chooses = false } = reply
    if (have && !partial) throw this.#broken('has a part of the blob and was asked for all of it')
    return { tree, chooses, ...(have && { have: [...setBits(have, chunkCount(tree.sizeBytes))] }) }
  }

  /** Asks for a chunk, or for any of some; its answer comes in turn. */
  order(order: ChunkOrder): Promise<void> {
    const chunks =
      order.type === 'chunk'
        ? [order.index]
        : [...setBits(order.wanted, order.wanted.byteLength * 8)].map((bit) => order.from + bit)
    this.#orders.push({ type: order.type, chunks })
    if (this.#orders.length === 1) this.#await()
    return this.#send(order)
  }

  /** What comes next: the answer to the oldest {@link order}, or news. A chunk is checked where it is kept. */
  async next(): Promise<ProviderMessage> {
    const { reply, body } = await this.#receive(this.#asked.signal)
    switch (reply.type) {
      case 'news':
        if (!this.#asked.partial) throw this.#broken('sent news that nobody wanted')
        return reply
      case 'chunk':
        if (!this.#answered()?.chunks.includes(reply.index)) throw this.#broken(`sent chunk ${reply.index} out of turn`)
        return { type: 'chunk', index: reply.index, bytes: body }
      case 'none': {
        const order = this.#answered()
        if (order?.type !== 'any') throw this.#broken('brought nothing and was not asked to choose')
        return { type: 'none', of: order.chunks }
      }
      default:
        throw this.#broken(`answered a request for a chunk with '${reply.type}'`)
    }
  }

  /** Whether an order has no answer yet. */
  get busy(): boolean {
    return this.#orders.length > 0
  }

  /** Leaves in good order. */
  async end(): Promise<void> {
    this.#stopWaiting()
    await this.#channel.end().catch(() => {})
  }

  abort(error: AividaError): void {
    this.#stopWaiting()
    this.#channel.abort(error)
  }

  #send(request: Parameters<typeof blobRequestCodec.encode>[0]): Promise<void> {
    const header = blobRequestCodec.encode(request)
    return within(this.#asked, `asking ${this.peer}`, (signal) => this.#channel.send(header, [], { signal }))
  }

  async #receive(signal: AbortSignal) {
    const frame = await this.#channel.receive({ signal }).catch((error: unknown) => {
      throw this.#late ?? error
    })
    if (!frame) throw peerError('blob.truncated', `${this.peer} ended the stream before the blob was whole`)
    const reply = blobReplyCodec.decode(frame.header)
    if (reply.type !== 'refused') return { reply, body: frame.body }
    const known = /^(grant\.[a-z-]+|blob\.not-found)$/.test(reply.code)
    throw peerError(known ? reply.code : 'blob.protocol', `${this.peer} refused: ${reply.message}`)
  }

  /** The oldest order has its answer; the next one has its own time. */
  #answered() {
    this.#stopWaiting()
    const order = this.#orders.shift()
    if (this.#orders.length > 0) this.#await()
    return order
  }

  /** Gives the oldest order `blobReplyMs`, then gives the provider up. */
  #await(): void {
    const limitMs = limit('blobReplyMs')
    this.#stopWaiting = this.#asked.clock.after(limitMs, () => {
      this.#late = timedOut(`an answer of ${this.peer}`, limitMs)
      this.#channel.abort(this.#late)
    })
  }

  #broken(what: string): AividaError {
    return peerError('blob.protocol', `${this.peer} ${what}`, { peer: this.peer })
  }
}

/** Runs one exchange with a peer under the reply limit and the caller's signal. */
async function within<T>(
  { clock, signal }: Asked,
  what: string,
  exchange: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw aborted()
  const limitMs = limit('blobReplyMs')
  const late = new AbortController()
  const cancel = clock.after(limitMs, () => late.abort())
  try {
    return await exchange(AbortSignal.any([signal, late.signal]))
  } catch (error) {
    throw late.signal.aborted ? timedOut(what, limitMs) : error
  } finally {
    cancel()
  }
}
