import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the server does to one request instead of answering it; `undefined`: nothing. */
export type Mishap =
  | {
      readonly type: 'status'
      readonly status: number
      readonly body?: string
      readonly headers?: Record<string, string>
    }
  /** The connection breaks behind so many bytes of the body. */
  | { readonly type: 'reset'; readonly afterBytes: number }

/** How an {@link ObjectServer} behaves. */
export interface ObjectServerInit {
  /** Bytes by path; may be changed later. */
  readonly objects: Record<string, Uint8Array>
  readonly mishap?: (request: IncomingMessage) => Mishap | undefined
  /** Awaited before a request is answered. */
  readonly delay?: (request: IncomingMessage) => Promise<void> | undefined
  /** Whether it gives parts. Default: true. */
  readonly ranges?: boolean
  /** Whether it sends entity tags. Default: true. */
  readonly tags?: boolean
}

/** A small S3-like server on loopback: objects, ranges, entity tags, and what goes wrong with them. */
export interface ObjectServer extends AsyncDisposable {
  readonly origin: string
  /** `GET /path` with its range, in order. */
  readonly requests: string[]
  /** Bytes of bodies that were sent. */
  readonly sentBytes: number
}

/** See {@link ObjectServer}. */
export async function objectServer(init: ObjectServerInit): Promise<ObjectServer> {
  const { handler, requests, sent } = objectHandler(init)
  const server = createServer(handler)
  const origin = `http://${await listening(server)}`
  return {
    origin,
    requests,
    get sentBytes() {
      return sent()
    },
    [Symbol.asyncDispose]: () => closed(server),
  }
}

/** What an {@link objectServer} does with requests, for servers of other kinds. */
export function objectHandler({ objects, mishap, delay, ranges = true, tags = true }: ObjectServerInit) {
  const requests: string[] = []
  let sentBytes = 0
  const handler: RequestListener = async (request, response) => {
    await delay?.(request)
    const path = new URL(request.url ?? '/', 'http://any').pathname
    requests.push([request.method, path, request.headers.range].filter(Boolean).join(' '))
    const found = mishap?.(request)
    if (found?.type === 'status') return void response.writeHead(found.status, found.headers).end(found.body)
    const object = objects[path]
    if (!object) return void response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>')
    const tag = `"${createHash('md5').update(object).digest('hex')}"`
    const { 'if-match': condition } = request.headers
    if (condition !== undefined && condition !== tag)
      return void response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>')
    const part = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null
    const from = Number(part?.[1] ?? 0)
    const to = Math.min(object.byteLength, part?.[2] ? Number(part[2]) + 1 : object.byteLength)
    if (part && from >= object.byteLength)
      return void response.writeHead(416, { 'content-range': `bytes */${object.byteLength}` }).end()
    response.writeHead(part ? 206 : 200, {
      'content-length': to - from,
      ...(tags && { etag: tag }),
      ...(part && { 'content-range': `bytes ${from}-${to - 1}/${object.byteLength}` }),
    })
    const body = object.subarray(from, to)
    const cut = found?.type === 'reset' ? found.afterBytes : body.byteLength
    sentBytes += Math.min(cut, body.byteLength)
    send(response, body, cut)
  }
  return { handler, requests, sent: () => sentBytes }
}

/** Listens on loopback; resolves to `host:port`. */
export async function listening(server: Pick<Server, 'listen' | 'address'>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Closes a server and its connections. */
export async function closed(server: Pick<Server, 'close' | 'closeAllConnections'>): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

function send(response: ServerResponse, body: Uint8Array, cut: number): void {
  if (cut >= body.byteLength) return void response.end(body)
  response.write(body.subarray(0, cut), () => response.destroy())
}
