import { z } from 'zod'
import { userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import type { Message } from './message.ts'

/** In characters of Unicode, not in UTF-16 units, since version 5.2 of the protocol. */
const cursor = z.int().min(0)
const flag = (absent: boolean) => z.boolean().default(absent)

/**
 * What a front end may ask, by `msg_type`
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-shell-router-dealer-channel).
 */
const requestSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('execute_request'),
    code: z.string(),
    silent: flag(false),
    store_history: flag(true),
    user_expressions: z
      .record(z.string(), z.string())
      .nullish()
      .transform((expressions) => expressions ?? {})
      .refine((expressions) => Object.keys(expressions).length <= limit('kernelExpressions'), 'too many'),
    stop_on_error: flag(true),
  }),
  z.object({ type: z.literal('complete_request'), code: z.string(), cursor_pos: cursor }),
  z.object({ type: z.literal('inspect_request'), code: z.string(), cursor_pos: cursor }),
  z.object({ type: z.literal('is_complete_request'), code: z.string() }),
  z.object({
    type: z.literal('history_request'),
    output: flag(false),
    hist_access_type: z.enum(['range', 'tail', 'search']),
    session: z.int().nullish(),
    start: z.int().nullish(),
    stop: z.int().nullish(),
    n: z.int().min(0).nullish(),
    pattern: z.string().nullish(),
    unique: flag(false),
  }),
  z.object({ type: z.literal('kernel_info_request') }),
  z.object({ type: z.literal('comm_info_request') }),
  z.object({ type: z.literal('comm_open'), comm_id: z.string() }),
  z.object({ type: z.literal('interrupt_request') }),
  z.object({ type: z.literal('shutdown_request'), restart: flag(false) }),
])

/** See {@link requestSchema}. */
export type Request = z.infer<typeof requestSchema>

/** A request to run a cell. */
export type ExecuteRequest = Extract<Request, { type: 'execute_request' }>

/** A request for what was run before. */
export type HistoryRequest = Extract<Request, { type: 'history_request' }>

/** What a message asks. Throws `kernel.request`: unknown, or without what it takes. */
export function parseRequest({ header, content }: Message): Request {
  const request = requestSchema.safeParse({ ...content, type: header.msg_type })
  if (request.success) return request.data
  const reasons = request.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw userError('kernel.request', `this kernel cannot answer this ${header.msg_type} (${reasons.join('; ')})`)
}
