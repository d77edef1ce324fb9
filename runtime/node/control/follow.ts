import { type Clock, fromRecord, limit, sleep, toAividaError } from '../../base/index.ts'
import { type NodeEvent, nodeEventSchema } from '../../protocol/index.ts'
import { checkedJobId } from './checked-names.ts'
import { type Connection, checkVersion, malformed } from './connection.ts'
import { failureSchema } from './routes.ts'

/** Which events to follow, from where, and until when. */
export interface FollowOptions {
  /** Go on after this `seq`. Default: a snapshot of the present state comes first. */
  readonly after?: number | undefined
  /** Only what concerns this job. */
  readonly job?: string | undefined
  /** Only events of this type, and gaps. */
  readonly type?: NodeEvent['type'] | undefined
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined
}

const FIRST_PAUSE_MS = 100

/**
 * Follows a node's events. A connection that broke is opened again where it left off, after doubling pauses and at
 * most the limit `controlRetries` times in a row; what was missed is replayed, or announced by a `gap` event.
 */
export async function* follow(
  connection: Connection,
  clock: Clock,
  options: FollowOptions = {},
): AsyncGenerator<NodeEvent, void, void> {
  const { job, type, signal } = options
  if (job !== undefined) checkedJobId(job)
  let after = options.after
  let connected = false
  for (let failures = 0; !signal?.aborted; ) {
    const query = new URLSearchParams()
    if (after !== undefined) query.set('after', String(after))
    if (job !== undefined) query.set('job', job)
    if (type !== undefined) query.set('type', type)
    try {
      const body = await connection.open({
        method: 'GET',
        path: `/v1/events?${query}`,
        silenceMs: 3 * limit('eventHeartbeatMs'),
        signal,
      })
      connected = true
      for await (const event of readEvents(body)) {
        failures = 0
        after = event.seq
        yield event
      }
    } catch (error) {
      if (signal?.aborted) return
      const failure = toAividaError(connection.explain(error))
      if (!connected || !failure.retryable || failures >= limit('controlRetries')) throw failure
    }
    await sleep(clock, FIRST_PAUSE_MS * 2 ** failures++, signal).catch(() => {})
  }
}

/** Events out of a `text/event-stream` body. Throws the error that the node reports in it. */
async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<NodeEvent, void, void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    if (text.length > limit('frameBodyBytes')) throw malformed(`an event of more than ${text.length} characters`)
    for (const block of blocks) {
      const data = block.split('\n').find((line) => line.startsWith('data: '))
      if (data !== undefined) yield parseEvent(data.slice('data: '.length))
    }
  }
}

function parseEvent(data: string): NodeEvent {
  const message = checkVersion(JSON.parse(data))
  const failure = failureSchema.safeParse(message)
  if (failure.success) throw fromRecord(failure.data.error)
  const event = nodeEventSchema.safeParse(message)
  if (!event.success) throw malformed(`event ${JSON.stringify(message.type)}`)
  return event.data
}
