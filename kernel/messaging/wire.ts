import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { peerError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { headerSchema, type Message } from './message.ts'

const DELIMITER = Buffer.from('<IDS|MSG>')
const PARTS = 4 // header, parent header, metadata, content
const LONE_SURROGATE = /\\u[dD][89a-fA-F]/

const partSchema = z.record(z.string(), z.unknown())

/**
 * Messages as ZeroMQ frames, for kernel and client alike: route, delimiter, signature, four parts as JSON, buffers
 * (https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol). The signature is the HMAC-SHA256
 * of the four parts under the key of the connection file; it is looked at before anything else is read.
 */
export class Wire {
  readonly #key: string

  constructor(key: string) {
    this.#key = key
  }

  /** The frames of a message, signed. */
  encode({ route, header, parent, metadata, content, buffers }: Message): Uint8Array[] {
    const parts = [header, parent ?? {}, metadata, content].map((part) => Buffer.from(json(part)))
    return [...route, DELIMITER, Buffer.from(this.#sign(parts)), ...parts, ...buffers]
  }

  /**
   * The message in these frames. Throws `kernel.message-size`, `kernel.message-signature` (of another key, or altered)
   * and `kernel.message-malformed`.
   */
  decode(frames: readonly Uint8Array[]): Message {
    const sizeBytes = frames.reduce((sum, frame) => sum + frame.byteLength, 0)
    if (frames.length > limit('kernelFrames') || sizeBytes > limit('kernelMessageBytes'))
      throw peerError('kernel.message-size', `a message of ${frames.length} frames, ${sizeBytes} bytes is too large`)
    const at = frames.slice(0, limit('kernelIdentities') + 1).findIndex((frame) => DELIMITER.equals(frame))
    const parts = frames.slice(at + 2, at + 2 + PARTS)
    if (at < 0 || parts.length < PARTS)
      throw malformed(`expected a delimiter, a signature and ${PARTS} parts, found ${frames.length} frames`)
    if (!this.#isSignature(frames[at + 1]!, parts))
      throw peerError('kernel.message-signature', 'a message was signed with another key, or altered')
    const [header, parent, metadata, content] = parts.map(parsePart) as [Part, Part, Part, Part]
    return {
      route: frames.slice(0, at),
      header: parseHeader(header),
      parent: Object.keys(parent).length === 0 ? undefined : parseHeader(parent),
      metadata,
      content,
      buffers: frames.slice(at + 2 + PARTS),
    }
  }

  /** In hexadecimal, as it travels. */
  #sign(parts: readonly Uint8Array[]): string {
    const hmac = createHmac('sha256', this.#key)
    for (const part of parts) hmac.update(part)
    return hmac.digest('hex')
  }

  #isSignature(claimed: Uint8Array, parts: readonly Uint8Array[]): boolean {
    const expected = Buffer.from(this.#sign(parts))
    return claimed.byteLength === expected.byteLength && timingSafeEqual(claimed, expected)
  }
}

type Part = Readonly<Record<string, unknown>>

/** Half a character (a lone surrogate) is replaced: Python front ends cannot encode it, and would drop the message. */
function json(part: object): string {
  const text = JSON.stringify(part)
  if (!LONE_SURROGATE.test(text)) return text
  return JSON.stringify(part, (_, value) => (typeof value === 'string' ? value.toWellFormed() : value))
}

function parsePart(bytes: Uint8Array): Part {
  try {
    return partSchema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    throw malformed('expected a JSON object in each part')
  }
}

function parseHeader(part: Part): z.infer<typeof headerSchema> {
  const header = headerSchema.safeParse(part)
  if (!header.success) throw malformed('expected a header with a msg_id and a msg_type')
  return header.data
}

function malformed(message: string): Error {
  return peerError('kernel.message-malformed', message)
}
