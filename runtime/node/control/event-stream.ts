import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type Clock, every, limit, toAividaError } from '../../base/index.ts'
import type { NodeEvent } from '../../protocol/index.ts'
import { CONTROL_VERSION } from './routes.ts'

/** What {@link streamEvents} needs beside the events. */
export interface EventStreamOptions {
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Writes events as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): `id` is the
 * `seq`, `event` the type, `data` the event as JSON with its `v`. A comment goes out when nothing else does, so that
 * both sides notice when the other has gone. Waits for a slow client; the events wait in the bus.
 */
export async function streamEvents(
  response: ServerResponse,
  events: AsyncIterable<NodeEvent>,
  { clock, signal }: EventStreamOptions,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.flushHeaders()
  const stopHeartbeat = every(clock, limit('eventHeartbeatMs'), () => {
    if (!response.writableNeedDrain) response.write(':\n\n')
  })
  const write = async (text: string) => {
    if (!response.write(text)) await once(response, 'drain', { signal })
  }
  try {
    for await (const event of events)
      await write(
        `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify({ v: CONTROL_VERSION, ...event })}\n\n`,
      )
  } catch (error) {
    if (!signal.aborted)
      response.write(`event: error\ndata: ${JSON.stringify({ v: CONTROL_VERSION, error: toAividaError(error) })}\n\n`)
  } finally {
    stopHeartbeat()
    response.end()
  }
}
