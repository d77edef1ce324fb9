import { type AividaError, aborted, type Clock, type Digest, limit, peerError, timedOut } from '../../base/index.ts'
import type { Channel } from '../../swarm/wire/index.ts'
import { wrongChunk } from './blob-errors.ts'
import { blobReplyCodec, blobRequestCodec } from './protocol.ts'
import { type BlobTree, treeOfBytes, unpackTree } from './tree.ts'

/** How to reach one node that may have the blob: opens a stream of {@link BLOB_PROTOCOL} to it. */
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
}

/**
 * One provider's side of a fetch. Whatever it sends is checked before it is passed on; it has `blobReplyMs` for each
 * answer.
 */
export class Provider {
  readonly peer: string
  readonly #channel: Channel
  readonly #asked: Asked

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
  async open(known?: BlobTree): Promise<{ readonly tree: BlobTree; readonly content?: Uint8Array }> {
    const { root, grant, sizeBytes } = this.#asked
    await this.#send({ type: 'open', blob: root, tree: known === undefined, ...(grant && { grant }) })
    const { reply, body } = await this.#receive()
    if (reply.type !== 'content' && reply.type !== 'tree') throw this.#broken(`answered 'open' with '${reply.type}'`)
    const expected = known?.sizeBytes ?? sizeBytes
    if (expected !== undefined && reply.sizeBytes !== expected)
      throw this.#broken(`says that blob ${root} has ${reply.sizeBytes} bytes, expected ${expected}`)
    if (reply.type === 'content') {
      const tree = body.byteLength <= limit('chunkBytes') ? treeOfBytes(body) : undefined
      if (tree?.root !== root) throw wrongChunk(root, 0, this.peer)
      return { tree, content: body }
    }
    const tree = known ?? (reply.sizeBytes <= limit('blobBytes') ? unpackTree(root, reply.sizeBytes, body) : undefined)
    if (!tree) throw this.#broken(`sent chunk digests that are not those of blob ${root}`)
    return { tree }
  }

  /** Asks for a chunk; its answer comes in turn. */
  ask(index: number): Promise<void> {
    return this.#send({ type: 'chunk', index })
  }

  /** The answer to the oldest {@link ask}; it is checked where it is kept. */
  async answer(index: number): Promise<Uint8Array> {
    const { reply, body } = await this.#receive()
    if (reply.type !== 'chunk' || reply.index !== index)
      throw this.#broken(`was asked for chunk ${index} and sent another`)
    return body
  }

  /** Leaves in good order. */
  async end(): Promise<void> {
    await this.#channel.end().catch(() => {})
  }

  abort(error: AividaError): void {
    this.#channel.abort(error)
  }

  #send(request: Parameters<typeof blobRequestCodec.encode>[0]): Promise<void> {
    const header = blobRequestCodec.encode(request)
    return within(this.#asked, `asking ${this.peer}`, (signal) => this.#channel.send(header, [], { signal }))
  }

  async #receive() {
    const frame = await within(this.#asked, `an answer of ${this.peer}`, (signal) => this.#channel.receive({ signal }))
    if (!frame) throw peerError('blob.truncated', `${this.peer} ended the stream before the blob was whole`)
    const reply = blobReplyCodec.decode(frame.header)
    if (reply.type !== 'refused') return { reply, body: frame.body }
    const known = /^(grant\.[a-z-]+|blob\.not-found)$/.test(reply.code)
    throw peerError(known ? reply.code : 'blob.protocol', `${this.peer} refused: ${reply.message}`)
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
