import { randomUUID } from 'node:crypto'
import { z } from 'zod'

/** The version of the messaging protocol that both sides speak. */
export const PROTOCOL_VERSION = '5.4'

/** The head of a message. What others put in beside these fields is kept: a reply shows it again. */
export const headerSchema = z.looseObject({
  msg_id: z.string(),
  msg_type: z.string(),
  session: z.string().default(''),
  username: z.string().default(''),
  date: z.string().default(''),
  version: z.string().default(''),
})

/** See {@link headerSchema}. */
export type Header = z.infer<typeof headerSchema>

/**
 * One message of the Jupyter messaging protocol, in either direction
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html#general-message-format).
 */
export interface Message {
  /** Where ZeroMQ routes it: the sender's name on a ROUTER socket, the topic on a PUB socket. */
  readonly route: readonly Uint8Array[]
  readonly header: Header
  /** The header of the request that it came of; `undefined` when it came of none. */
  readonly parent: Header | undefined
  readonly metadata: Readonly<Record<string, unknown>>
  readonly content: Readonly<Record<string, unknown>>
  readonly buffers: readonly Uint8Array[]
}

/** Makes the messages of one process, which names itself by a session in each. */
export class MessageMaker {
  readonly session: string = randomUUID()

  /** A message of this type, with this content, to this route, because of `parent`. */
  make(
    type: string,
    content: Readonly<Record<string, unknown>>,
    options: { readonly route?: readonly Uint8Array[]; readonly parent?: Header | undefined } = {},
  ): Message {
    const header: Header = {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.session,
      username: 'aivida',
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    }
    return { route: options.route ?? [], header, parent: options.parent, metadata: {}, content, buffers: [] }
  }
}
