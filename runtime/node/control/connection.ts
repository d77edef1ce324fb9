import type { Dispatcher, Pool } from 'undici'
import { z } from 'zod'
import { AividaError, aborted, fromRecord, isAividaError, limit, toAividaError } from '../../base/index.ts'
import { errorRecordSchema } from '../../protocol/index.ts'
import { checkedDataName, checkedJobId } from './checked-names.ts'
import {
  CONTROL_VERSION,
  failureSchema,
  ROUTES,
  type Route,
  type RouteInput,
  type RouteReply,
  type Routes,
} from './routes.ts'
import { socketPathRefusal } from './socket-path.ts'

/** What a call may be given. */
export interface RequestOptions {
  /** Gives the waiting up when it fires: the call rejects with `aborted`, and what was asked for may have been done. */
  readonly signal?: AbortSignal | undefined
}

/** A request outside of {@link ROUTES}. */
export interface RawRequest extends RequestOptions {
  readonly method: Dispatcher.HttpMethod
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: Dispatcher.DispatchOptions['body']
  /** Silence between two pieces of the reply after which the node counts as dead. Default: the limit `controlReplyMs`. */
  readonly silenceMs?: number
}

type Optional<I> = { [K in keyof I as undefined extends I[K] ? never : K]: I[K] } & {
  [K in keyof I as undefined extends I[K] ? K : never]?: I[K]
}

/** HTTP to one node's socket, with its errors as they were thrown there. */
export class Connection {
  readonly socketPath: string
  #pool: Promise<Pool> | undefined

  constructor(socketPath: string) {
    this.socketPath = socketPath
  }

  /** Calls a route of the table, its input and reply typed by its schemas. */
  async call<N extends keyof Routes>(
    name: N,
    input: Optional<RouteInput<Routes[N]>>,
    options: RequestOptions = {},
  ): Promise<RouteReply<Routes[N]>> {
    const { method, path, reply }: Route = ROUTES[name]
    const { params = {}, body } = input as { params?: Record<string, string>; body?: unknown }
    if (params.id !== undefined) checkedJobId(params.id)
    if (params.name !== undefined) checkedDataName(params.name)
    const answer = await this.open({
      ...options,
      method,
      path: path.replace(/:(\w+)/g, (_, field: string) => encodeURIComponent(params[field] ?? '')),
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    return (await this.read(answer, reply)) as RouteReply<Routes[N]>
  }

  /** Sends a request and returns its body once the node has answered with success. Throws what the node threw. */
  async open(request: RawRequest): Promise<Dispatcher.ResponseData['body']> {
    const silenceMs = request.silenceMs ?? limit('controlReplyMs')
    try {
      const reply = await (await this.#opened()).request({
        method: request.method,
        path: request.path,
        headers: request.headers ?? {},
        body: request.body ?? null,
        signal: request.signal ?? null,
        headersTimeout: limit('controlReplyMs'),
        bodyTimeout: silenceMs,
      })
      if (reply.statusCode < 400) return reply.body
      const failure = failureSchema.safeParse(await reply.body.json())
      throw failure.success ? fromRecord(failure.data.error) : malformed(`status ${reply.statusCode}`)
    } catch (error) {
      throw this.explain(error, request.signal)
    }
  }

  /** Reads an enveloped JSON reply. Throws `control.version`, `control.malformed`. */
  async read<T>(body: Dispatcher.ResponseData['body'], schema: z.ZodType<T>): Promise<T> {
    let reply: unknown
    try {
      reply = await body.json()
    } catch (error) {
      throw this.explain(error)
    }
    return dataOf(reply, schema)
  }

  /** Whatever a request or its body threw, as one of our errors. */
  explain(error: unknown, signal?: AbortSignal): AividaError {
    if (isAividaError(error)) return error
    if (signal?.aborted) return aborted('the request was aborted', error)
    const refused = socketPathRefusal(this.socketPath)
    if (refused) return refused
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return this.#notRunning(error)
    if (code === 'EACCES')
      return new AividaError({
        code: 'socket.forbidden',
        category: 'platform',
        message: `${this.socketPath} belongs to another user: run as the node's own user`,
        cause: error,
      })
    if (code?.startsWith('UND_ERR') || code === 'ECONNRESET' || code === 'EPIPE')
      return new AividaError({
        code: 'control.broken',
        category: 'platform',
        message: `the connection to the node at ${this.socketPath} broke: ${message}`,
        retryable: true,
        cause: error,
      })
    return toAividaError(error)
  }

  /** Waits for calls in progress, then closes. */
  async close(): Promise<void> {
    await (await this.#pool)?.close()
  }

  #opened(): Promise<Pool> {
    const connections = limit('eventReaders')
    this.#pool ??= import('undici').then(
      ({ Pool }) => new Pool('http://node', { socketPath: this.socketPath, connections }),
    )
    return this.#pool
  }

  #notRunning(cause: unknown): AividaError {
    return new AividaError({
      code: 'node.not-running',
      category: 'user',
      message: `no node listens at ${this.socketPath}; start one with: aivida up`,
      retryable: true,
      facts: { remedy: 'aivida up', socketPath: this.socketPath },
      cause,
    })
  }
}

/** A reply or event as an object of a version that is understood. Throws `control.version`, `control.malformed`. */
export function checkVersion(reply: unknown): Record<string, unknown> {
  const { v } = (reply ?? {}) as Record<string, unknown>
  if (typeof v !== 'number') throw malformed(`expected a version, found ${JSON.stringify(v)}`)
  if (v !== CONTROL_VERSION)
    throw new AividaError({
      code: 'control.version',
      category: 'config',
      message: `the node speaks version ${v} of its control API, this client ${CONTROL_VERSION}; update the older one`,
    })
  return reply as Record<string, unknown>
}

/** What an envelope holds. Throws the error that it tells of instead, `control.version`, `control.malformed`. */
export function dataOf<T>(reply: unknown, schema: z.ZodType<T>): T {
  const { data, error } = checkVersion(reply)
  const failure = errorRecordSchema.safeParse(error)
  if (failure.success) throw fromRecord(failure.data)
  const parsed = schema.safeParse(data)
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error))
  return parsed.data
}

/** A reply that is not what the API promises. */
export function malformed(what: string): AividaError {
  return new AividaError({ code: 'control.malformed', category: 'internal', message: `reply not understood: ${what}` })
}
