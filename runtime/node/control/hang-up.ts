import type { FastifyReply } from 'fastify'

/** A signal that fires when the client has gone before its reply was complete. */
export function hangUp(reply: FastifyReply): AbortSignal {
  // Not `request.signal`: a request closes once its body is read, long before its reply.
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}
