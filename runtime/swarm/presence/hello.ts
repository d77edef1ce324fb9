import { AividaError, peerError, toAividaError } from '../../base/index.ts'
import { type Hello, type HelloReply, helloCodec, helloReplyCodec } from '../../protocol/index.ts'
import type { Channel } from '../wire/index.ts'

/** Protocol generations this software speaks, newest first: 2 brought gossip. */
export const PROTOCOL_VERSIONS: readonly number[] = [2, 1]

/** The answer to a hello that was heard out. */
export type WelcomeReply = Extract<HelloReply, { outcome: 'welcome' }>

/**
 * Says hello on a fresh stream. What the answer proves is the caller's to check. Throws the refusal (a `user` error
 * with the answerer's code), `hello.no-answer`, `encoding.*`, `frame.*`, `stream.*`.
 */
export async function sayHello(channel: Channel, hello: Hello, signal?: AbortSignal): Promise<WelcomeReply> {
  const options = signal ? { signal } : {}
  await channel.send(helloCodec.encode(hello), [], options)
  const frame = await channel.receive(options)
  if (!frame) throw peerError('hello.no-answer', `${channel.peer} ended the hello without an answer`)
  const reply = helloReplyCodec.decode(frame.body)
  await channel.end()
  if (reply.outcome === 'welcome') return reply
  const { code, message } = reply
  throw new AividaError({ code, category: 'user', message, retryable: code === 'membership.pending' })
}

/**
 * Hears a hello out and sends what `judge` answers; a refusal that it throws goes to the caller as one. Gives back why it
 * was refused, if it was.
 */
export async function answerHello(
  channel: Channel,
  judge: (hello: Hello) => Promise<HelloReply>,
  signal: AbortSignal,
): Promise<AividaError | undefined> {
  const frame = await channel.receive({ signal })
  if (!frame) throw peerError('hello.no-question', `${channel.peer} opened a hello and said nothing`)
  let reply: HelloReply
  let refusal: AividaError | undefined
  try {
    reply = await judge(helloCodec.decode(frame.header))
  } catch (error) {
    refusal = toAividaError(error)
    const { code, category, message } = refusal
    if (category === 'internal') throw error
    reply = { outcome: 'refused', code, message: message.slice(0, 1024) }
  }
  await channel.send(new Uint8Array(), [helloReplyCodec.encode(reply)], { signal })
  await channel.end()
  if (refusal || reply.outcome === 'welcome') return refusal
  return peerError('hello.refused', `${reply.code}: ${reply.message}`)
}
