import { Router, type Socket, XPublisher } from 'zeromq'
import { limit } from '../../runtime/base/limits.ts'
import { type Channel, type Connection, endpointOf } from './connection.ts'
import { INCOMING, OUTGOING, portTaken } from './socket-options.ts'

/** The sockets of a kernel's own thread, each bound to its port; see {@link ControlLine} for the others. */
export interface KernelSockets {
  readonly shell: Router
  readonly stdin: Router
  readonly iopub: XPublisher
}

/** Opens all three. Throws `kernel.port-taken` (EADDRINUSE), and closes those that it had opened. */
export async function bindSockets(connection: Connection): Promise<KernelSockets> {
  const sockets = {
    shell: new Router({ ...OUTGOING, ...INCOMING }),
    stdin: new Router({ ...OUTGOING, ...INCOMING }),
    iopub: new XPublisher({ ...OUTGOING, ...INCOMING, sendHighWaterMark: limit('kernelUnreadMessages'), noDrop: true }),
  }
  try {
    for (const channel of Object.keys(sockets) as (keyof typeof sockets)[])
      await bind(sockets[channel], connection, channel)
    return sockets
  } catch (error) {
    closeSockets(sockets)
    throw error
  }
}

async function bind(socket: Router | XPublisher, connection: Connection, channel: Channel): Promise<void> {
  const endpoint = endpointOf(connection, channel)
  await socket.bind(endpoint).catch((error: NodeJS.ErrnoException) => {
    throw portTaken(endpoint, error)
  })
}

/** What was sent still leaves, for as long as the limit `kernelLingerMs`; the end of the process waits for that. */
export function closeSockets(sockets: KernelSockets): void {
  for (const socket of Object.values<Socket>(sockets as never)) socket.close()
}
