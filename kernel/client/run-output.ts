import { z } from 'zod'
import type { Message } from '../messaging/message.ts'

const data = z.record(z.string(), z.unknown())
const display = {
  data,
  metadata: data.default({}),
  /** `aivida_live`, of kernels of ours: an update of this display is sure to follow. */
  transient: z.looseObject({ display_id: z.string().optional(), aivida_live: z.boolean().optional() }).default({}),
}
const error = { ename: z.string(), evalue: z.string(), traceback: z.array(z.string()) }

/** By `msg_type` (https://jupyter-client.readthedocs.io/en/stable/messaging.html#messages-on-the-iopub-pub-sub-channel). */
const outputSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stream'), name: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({ type: z.literal('display_data'), ...display }),
  z.object({ type: z.literal('update_display_data'), ...display }),
  z.object({ type: z.literal('execute_result'), ...display, execution_count: z.int() }),
  z.object({ type: z.literal('error'), ...error }),
  z.object({ type: z.literal('clear_output'), wait: z.boolean().default(false) }),
])

/** What a cell put out, with the fields of the protocol: `type` is the message's `msg_type`. */
export type RunOutput = z.infer<typeof outputSchema>

/** The output that a message on IOPub is, if it is one. */
export function outputIn({ header, content }: Message): RunOutput | undefined {
  return outputSchema.safeParse({ ...content, type: header.msg_type }).data
}

const executeReplySchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('ok'),
    execution_count: z.int(),
    user_expressions: z.record(z.string(), z.looseObject({ status: z.string() })).default({}),
  }),
  z.object({ status: z.literal('error'), execution_count: z.int().nullish(), ...error }),
  z.object({ status: z.literal('aborted'), execution_count: z.int().nullish() }),
])

/** What became of a cell. `aborted`: it was not run, because one before it failed. */
export type ExecuteReply = z.infer<typeof executeReplySchema>

/** The content of an `execute_reply`; `undefined` when it is none. Some kernels say `abort`. */
export function executeReply(content: Message['content']): ExecuteReply | undefined {
  const status = content.status === 'abort' ? 'aborted' : content.status
  return executeReplySchema.safeParse({ ...content, status }).data
}
