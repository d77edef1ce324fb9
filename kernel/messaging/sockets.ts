import { Reply, Router, type Socket, XPublisher } from 'zeromq'
import { userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { type Channel, type Connection, endpointOf } from './connection.ts'

/** The sockets of a kernel, each bound to its port. */
export interface KernelSockets {
  readonly shell: Router
  readonly control: Router
  readonly stdin: Router
  readonly iopub: XPublisher
  readonly hb: Reply
}

/**
 * A send never waits and never fails: there is no high-water mark at which libzmq would block or drop, and with a time
 * of 0 zeromq.js hands over at once. (With its default, the 513th message of a turn waits, the next one is refused
 * with EBUSY, and output is lost; a cell that computes would show nothing until it is done.) Of what goes to all front ends
 * `outbox.ts` says what becomes of a reader that is behind.
 */
const OUTGOING = { sendHighWaterMark: 0, sendTimeout: 0, linger: limit('kernelLingerMs') }
/** A larger frame costs its sender the connection, before there is room made for it. */
const INCOMING = { receiveHighWaterMark: 0, maxMessageSize: limit('kernelMessageBytes') }

/** Opens all five. Throws `kernel.port-taken` (EADDRINUSE), and closes those that it had opened. */
export async function bindSockets(connection: Connection): Promise<KernelSockets> {
  const sockets = {
    shell: new Router({ ...OUTGOING, ...INCOMING }),
    control: new Router({ ...OUTGOING, ...INCOMING }),
    stdin: new Router({ ...OUTGOING, ...INCOMING }),
    iopub: new XPublisher({ ...OUTGOING, ...INCOMING, sendHighWaterMark: limit('kernelUnreadMessages'), noDrop: true }),
    hb: new Reply({ ...OUTGOING, ...INCOMING }),
  }
  try {
    for (const channel of Object.keys(sockets) as Channel[]) await bind(sockets[channel], connection, channel)
    return sockets
  } catch (error) {
    closeSockets(sockets)
    throw error
  }
}

async function bind(socket: Router | XPublisher | Reply, connection: Connection, channel: Channel): Promise<void> {
  const endpoint = endpointOf(connection, channel)
  await socket.bind(endpoint).catch((error: NodeJS.ErrnoException) => {
    throw userError(
      'kernel.port-taken',
      `cannot listen at ${endpoint} for ${channel} (${error.code}): ${error.message}`,
    )
  })
}

/** What was sent still leaves, for as long as the limit `kernelLingerMs`; the end of the process waits for that. */
export function closeSockets(sockets: KernelSockets): void {
  for (const socket of Object.values<Socket>(sockets as never)) socket.close()
}
