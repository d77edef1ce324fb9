/**
 * The engine child: serves one parent over inherited descriptors until the parent is gone. Once ready it opens no file and
 * no socket, so a sandbox can take both away (cards alone open their driver's at a load, and what only they need is loaded
 * then); it holds nothing worth keeping, so it may be killed at any time.
 */
import { flushCompileCache } from 'node:module'
import { Worker } from 'node:worker_threads'
import { toAividaError } from '../../../base/errors.ts'
import type { EngineSession } from '../engine.ts'
import { BlockingChannel } from './channel.ts'
import { chosenEngine } from './chosen-engine.ts'
import { CHANNEL_FD, type EngineChoice, LIFELINE_FD } from './command.ts'
import { tooLarge } from './endings.ts'
import { protocol } from './frame.ts'
import { packResults, type Reply, type Request, unpackInputs } from './messages.ts'
import { reduceUpdates } from './replica-requests.ts'
import { Trainings } from './trainings.ts'

/** Kills this process when the parent's end of the lifeline closes. Plain JavaScript: it starts sooner and smaller. */
const LIFELINE = `try { require('node:fs').readSync(${LIFELINE_FD}, Buffer.alloc(1)) } finally { process.kill(process.pid, 'SIGKILL') }`

/** `y = Identity(x)`, f32 scalar. */
const WARM_UP = Buffer.from(
  'CAg6NgoUCgF4EgF5GgAiCElkZW50aXR5OgASBHRlc3RaCwoBeBIGCgQIARIAYgsKAXkSBgoECAESAEIECgAQEQ==',
  'base64',
)

const memoryBytes = Number(process.argv[2])
const channel = new BlockingChannel(CHANNEL_FD, memoryBytes)
const engine = await chosenEngine(process.argv[3] as EngineChoice)
const sessions = new Map<number, EngineSession>()
const trainings = new Trainings(sessions)

async function answer(request: Request, parts: readonly Uint8Array[]): Promise<[Reply, readonly Uint8Array[]]> {
  switch (request.op) {
    case 'load': {
      const [graph, ...weights] = parts
      const named = Object.fromEntries(request.weights.map((name, i) => [name, weights[i]!]))
      const session = await engine.load({ graph: graph!, weights: named }, request.options)
      sessions.set(request.session, session)
      return [{ op: 'loaded', report: session.report }, []]
    }
    case 'run': {
      const session = sessions.get(request.session)
      if (!session) throw protocol('a loaded session')
      const inputs = unpackInputs(request.batch, parts)
      const packed = packResults(await session.runAll(inputs, { finite: request.finite }))
      const sizeBytes = packed.parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
      if (sizeBytes > memoryBytes) throw tooLarge(sizeBytes, memoryBytes)
      return [{ op: 'ran', batch: packed.heads }, packed.parts]
    }
    case 'close':
      trainings.end(request.session)
      await sessions.get(request.session)?.close()
      sessions.delete(request.session)
      return [{ op: 'closed' }, []]
    case 'reduce':
      return reduceUpdates(request, parts)
    default:
      return trainings.answer(request, parts)
  }
}

// The first load pays for the library's own start: pay before there is work.
await (await engine.load({ graph: WARM_UP })).close()
channel.send({ op: 'ready', info: await engine.info() } satisfies Reply)
flushCompileCache() // a killed process would never write it
let watched = false
for (;;) {
  const frame = channel.receive()
  if (!frame) process.exit(0)
  // From the first request on this thread may be deep in native code when the parent ends; another one listens then.
  if (!watched) new Worker(LIFELINE, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } })
  watched = true
  const [reply, parts] = await answer(frame.header as Request, frame.parts).catch(
    (error): [Reply, readonly Uint8Array[]] => [
      { op: 'failed', error: toAividaError(error, 'engine.internal').toJSON() },
      [],
    ],
  )
  channel.send(reply, parts)
}
