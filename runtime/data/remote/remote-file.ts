import type { Dispatcher } from 'undici'
import { type AividaError, aborted, type Clock, isAividaError, limit, sleep, userError } from '../../base/index.ts'
import type { ByteSource } from '../sources/byte-source.ts'
import { changed, noRanges, refused, shownUrl, unreachable, untrusted } from './remote-error.ts'

/** How a remote file is reached. */
export interface RemoteInit {
  /** `http:` or `https:`; a presigned URL is a secret, and no message shows its query. */
  readonly url: string
  readonly egress: Dispatcher
  readonly clock: Clock
  readonly signal?: AbortSignal
}

/** A file on an HTTP server, of which any part can be read. */
export interface RemoteFile extends ByteSource {
  /** Tells this content from a later one; absent where the server has no word for it. */
  readonly version: string | undefined
  /** Whether its server gives parts; else {@link stream} begins at 0 only. */
  readonly ranges: boolean
  /**
   * The bytes from `from` to the end, as they come; goes on where it broke off. Throws as {@link ByteSource.read} does,
   * save `remote.no-ranges` from 0 on.
   */
  stream(from: number): AsyncGenerator<Uint8Array, void, undefined>
}

/**
 * Opens a file behind a URL: asks for its size and version, and follows up to `remoteRedirects` redirections. What
 * breaks off goes on from where it was, `remoteAttempts` times without progress at most; what changes meanwhile is never
 * mixed. Throws `remote.expired`, `remote.forbidden`, `remote.not-found`, `remote.changed`, `remote.unreachable`,
 * `remote.unavailable`, `remote.untrusted`, `remote.refused`, `remote.address`, `aborted`; `remote.no-ranges` where only a part is read.
 */
export async function openRemote(init: RemoteInit): Promise<RemoteFile> {
  const { egress, clock, signal } = init
  const { request } = await import('undici')
  let url = addressOf(init.url)

  /** One request for bytes from `from` on (to `to`, not included), and whether its answer is such a part. */
  async function ask(from: number, to?: number, condition?: string): Promise<Dispatcher.ResponseData> {
    const headers = {
      range: `bytes=${from}-${to === undefined ? '' : to - 1}`,
      'accept-encoding': 'identity', // a range of what is compressed on the way would be one of other bytes
      'user-agent': 'aivida',
      ...(condition !== undefined && { 'if-match': condition }),
    }
    for (let hops = 0; ; hops++) {
      const answer = await request(url, { dispatcher: egress, headers, ...(signal && { signal }) })
      const { location } = answer.headers
      if (answer.statusCode < 300 || answer.statusCode >= 400 || typeof location !== 'string') return answer
      await answer.body.dump()
      if (hops >= limit('remoteRedirects')) throw redirected(url)
      url = nextAddress(location, url)
    }
  }

  async function checked(answer: Dispatcher.ResponseData): Promise<Dispatcher.ResponseData> {
    const { statusCode: status, body } = answer
    if (status === 200 || status === 206) return answer
    const words = await beginning(body)
    throw refused(url, { status, body: words, nowWallMs: clock.wallMs() })
  }

  const persistently = async <T>(attempt: (tries: Tries) => Promise<T>): Promise<T> => {
    const tries = new Tries(init, () => url)
    for (;;)
      try {
        return await attempt(tries)
      } catch (error) {
        await tries.failed(error)
      }
  }

  const { sizeBytes, version, ranges } = await persistently(async () => {
    const answer = await ask(0, 1)
    if (answer.statusCode === 416) {
      await answer.body.dump()
      return { sizeBytes: 0, version: versionOf(answer), ranges: true } // there is no first byte
    }
    const found = extentOf(url, await checked(answer), 0)
    if (found.ranges) await answer.body.dump()
    else leave(answer.body) // all of it is on its way
    if (found.sizeBytes === undefined)
      throw userError('remote.refused', `${shownUrl(url)}: its server does not say how large it is; download it first`)
    return { ...found, sizeBytes: found.sizeBytes, version: versionOf(answer) }
  })

  async function* part(from: number, to: number): AsyncGenerator<Uint8Array> {
    const strong = version?.startsWith('"') ? version : undefined // only strong ones may be compared
    const answer = await checked(await ask(from, to, strong))
    const found = extentOf(url, answer, from)
    const isSame = versionOf(answer) === version && (found.sizeBytes ?? sizeBytes) === sizeBytes
    if (!isSame || (!found.ranges && from > 0)) {
      leave(answer.body)
      throw isSame ? noRanges(url) : changed(url)
    }
    let at = from
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      const wanted = piece.subarray(0, to - at)
      at += wanted.byteLength
      if (wanted.byteLength > 0) yield wanted
      if (at === to) return
    }
    if (at < to) throw new Error('the body was shorter than announced')
  }

  return {
    name: shownUrl(url),
    sizeBytes,
    version,
    ranges,
    async read(at, length) {
      const to = Math.min(at + length, sizeBytes)
      if (to <= at) return new Uint8Array()
      if (!ranges) throw noRanges(url)
      const bytes = Buffer.allocUnsafeSlow(to - at)
      let done = 0
      await persistently(async (tries) => {
        for await (const piece of part(at + done, to)) {
          bytes.set(piece, done)
          done += piece.byteLength
          tries.progressed()
        }
      })
      return bytes
    },
    async *stream(from) {
      const tries = new Tries(init, () => url)
      for (let at = from; at < sizeBytes; )
        try {
          for await (const piece of part(at, sizeBytes)) {
            at += piece.byteLength
            tries.progressed()
            yield piece
          }
        } catch (error) {
          await tries.failed(error)
        }
    },
    close: async () => {},
  }
}

/** Failures in a row: each is waited out, longer each time, until there were `remoteAttempts`. */
class Tries {
  #failures = 0
  readonly #init: RemoteInit
  readonly #url: () => URL

  constructor(init: RemoteInit, url: () => URL) {
    this.#init = init
    this.#url = url
  }

  progressed(): void {
    this.#failures = 0
  }

  /** Throws what another attempt would not change, or what has failed too often. */
  async failed(error: unknown): Promise<void> {
    const { clock, signal } = this.#init
    if (signal?.aborted) throw aborted()
    if (isAividaError(error) && !error.retryable) throw error
    const distrust = untrusted(this.#url(), error)
    if (distrust) throw distrust
    if (++this.#failures >= limit('remoteAttempts'))
      throw isAividaError(error) ? error : unreachable(this.#url(), error)
    await sleep(clock, FIRST_PAUSE_MS * 2 ** (this.#failures - 1), signal)
  }
}

const FIRST_PAUSE_MS = 500

/** What an answer holds of a file: its whole size, where that is told, and whether parts can be had. */
function extentOf(
  url: URL,
  { statusCode, headers }: Dispatcher.ResponseData,
  from: number,
): { readonly sizeBytes: number | undefined; readonly ranges: boolean } {
  const ranges = statusCode === 206
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(`${headers['content-range']}`) ?? []
  if (ranges && Number(first) !== from)
    throw userError('remote.refused', `${shownUrl(url)}: asked for bytes from ${from}, its server sends another part`)
  const size = Number(ranges ? total : headers['content-length'])
  return { sizeBytes: Number.isSafeInteger(size) && size >= 0 ? size : undefined, ranges }
}

function versionOf({ headers }: Dispatcher.ResponseData): string | undefined {
  const found = headers.etag ?? headers['last-modified']
  return typeof found === 'string' ? found.slice(0, 256) : undefined
}

/** The first words of a refusal. */
async function beginning(body: Dispatcher.ResponseData['body']): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  try {
    for await (const piece of body as AsyncIterable<Uint8Array>) {
      pieces.push(piece)
      size += piece.byteLength
      if (size > REFUSAL_BYTES) break
    }
  } catch {} // the status says enough
  return Buffer.concat(pieces).toString('latin1').slice(0, REFUSAL_BYTES)
}

const REFUSAL_BYTES = 8192

/** Ends an answer whose body nobody wants. */
function leave(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => {}).destroy()
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url
  throw userError(
    'remote.address',
    url
      ? `${url.protocol}//${url.host}: expected an http or https address without user and password in it; use a signed link`
      : 'expected an http or https address',
  )
}

function nextAddress(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (url && (url.protocol === 'https:' || url.protocol === from.protocol)) return url
  throw userError(
    'remote.refused',
    `${shownUrl(from)} redirects to what is no safe address; give the one that is meant`,
  )
}

function redirected(url: URL): AividaError {
  return userError('remote.refused', `${shownUrl(url)}: redirected more than ${limit('remoteRedirects')} times`)
}
