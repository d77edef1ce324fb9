import { inspect } from 'node:util'
import type { XPublisher } from 'zeromq'
import { limit } from '../../runtime/base/limits.ts'
import type { Gate } from './outbox.ts'

/**
 * The socket on which all front ends hear what cells put out, as a {@link Gate}: XPUB with `noDrop`, which refuses a message where
 * one of its readers has as many unread ones as the high-water mark, for which others then wait too
 * (https://libzmq.readthedocs.io/en/latest/zmq_setsockopt.html, ZMQ_XPUB_NODROP).
 */
export function iopubGate(socket: XPublisher): Gate {
  const send = (frames: readonly Uint8Array[]): Promise<void> => {
    const sent = socket.send(frames as Uint8Array[])
    sent.catch(() => {}) // what it says is read below
    return sent
  }
  return {
    offer: (frames) => !isRejected(send(frames)),
    force: (frames) => {
      socket.sendHighWaterMark = 0 // none
      send(frames)
      socket.sendHighWaterMark = limit('kernelUnreadMessages')
    },
  }
}

/** Hears who begins to listen, and forgets it: libzmq would keep it. Ends when the socket is closed. */
export async function ignoreSubscriptions(socket: XPublisher): Promise<void> {
  for await (const _ of socket);
}

/**
 * Whether a promise is rejected by now. What zeromq.js answers is settled when `send` returns, but a promise tells it in a later
 * turn, and a cell that computes has none: the next message would have overtaken this one.
 */
function isRejected(promise: Promise<void>): boolean {
  return inspect(promise, { depth: 0 }).includes('<rejected>')
}
