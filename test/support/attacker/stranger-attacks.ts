import { PROTOCOLS } from '../../../runtime/protocol/index.ts'
import { atRate, ending, prefixOf, sayHello, strangerTransport, type Target } from './knock.ts'

/** What a stranger was told, by what it tried. */
export type Told = Record<string, unknown>

/** Says hellos that no door opens to, and tries the other protocols. */
export async function wrongHellos(target: Target, { cluster }: { cluster: string }): Promise<Told> {
  const transport = await strangerTransport()
  const told: Told = {}
  const bare = { versions: [1], software: 'stranger', cluster, charterLength: 0 }
  for (const [what, hello] of Object.entries({
    'no ticket': bare,
    'wrong cluster': { ...bare, cluster: 'a'.repeat(64) },
    'older version': { ...bare, versions: [0] },
    'newer version': { ...bare, versions: [97, 98] },
    'garbage for a ticket': { ...bare, ticket: 'ticket' },
  })) {
    const reply = await sayHello(transport, target, hello)
    told[what] = reply.outcome === 'refused' ? reply.code : reply.outcome
  }
  // The refusal may overtake the opening: on a busy machine the reset is there before `open` has returned.
  for (const protocol of [PROTOCOLS.control, PROTOCOLS.blob])
    told[protocol] = await transport.open(target.peer, protocol).then(
      (stream) => ending(stream, 3_000),
      ({ code }) => String(code),
    )
  await transport.stop()
  return told
}

/** Writes what is no frame, an empty one, and ones of another version or size, to hello. */
export async function garbageHellos(target: Target): Promise<Told> {
  const transport = await strangerTransport()
  await transport.connect(target.addresses)
  const told: Told = {}
  for (const [what, bytes] of Object.entries({
    noise: Buffer.alloc(4_096, 0xa7),
    'newer frames': prefixOf('message', { version: 9 }),
    'oversized header': prefixOf('message', { headerBytes: 2 ** 31 }),
    'a body': prefixOf('message', { bodyBytes: 1 << 20 }),
  })) {
    const stream = await transport.open(target.peer, PROTOCOLS.hello)
    await stream.write([bytes]).catch(() => {})
    told[what] = await ending(stream, 8_000)
  }
  await transport.stop()
  return told
}

/** Holds connections that say nothing, a hello that never ends, and a stream that never says its protocol. */
export async function slowStrangers(target: Target, { count }: { count: number }): Promise<Told> {
  const silent = await Promise.all(Array.from({ length: count }, strangerTransport))
  const lasted = await Promise.all(
    silent.map(async (transport, i) => {
      const startMs = performance.now()
      const gone = Promise.withResolvers<void>()
      transport.subscribe({ disconnected: () => gone.resolve() })
      try {
        await transport.connect(target.addresses)
        if (i % 2 === 1) {
          const stream = await transport.open(target.peer, PROTOCOLS.hello)
          await stream.write([prefixOf('message', { headerBytes: 1_000 })])
        }
      } catch {
        return 0
      }
      await Promise.race([gone.promise, new Promise((resolve) => setTimeout(resolve, 25_000))])
      return performance.now() - startMs
    }),
  )
  await Promise.all(silent.map((transport) => transport.stop()))
  return { connected: lasted.filter((ms) => ms > 100).length, longestMs: Math.round(Math.max(...lasted)) }
}

/** Connects under a new key again and again, and says a hello that has to be looked at. */
export async function crowd(
  target: Target,
  { cluster, perSecond, forMs }: { cluster: string; perSecond: number; forMs: number },
): Promise<Told> {
  let welcome = 0
  const tried = await atRate(perSecond, forMs, async () => {
    const transport = await strangerTransport()
    try {
      const hello = { versions: [1], software: 'stranger', cluster, ticket: 'x'.repeat(400), charterLength: 0 }
      const reply = await sayHello(transport, target, hello)
      if (reply.outcome === 'welcome') welcome++
    } finally {
      await transport.stop()
    }
  })
  return { tried, welcome }
}

/** Opens many streams on one connection without waiting for any. */
export async function manyStreams(target: Target, { count }: { count: number }): Promise<Told> {
  const transport = await strangerTransport()
  await transport.connect(target.addresses)
  const outcomes = new Map<string, number>()
  for (let i = 0; i < count; i += 20)
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const outcome = await transport.open(target.peer, PROTOCOLS.hello).then(
          () => 'opened',
          ({ code }) => String(code),
        )
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }),
    )
  await transport.stop()
  return Object.fromEntries(outcomes)
}
