import { chmod } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { type Clock, limit, type Random, userError } from '../../base/index.ts'
import { nodeMetrics } from '../metrics.ts'
import type { NodeService } from '../service.ts'
import { callRoutes } from './call-routes.ts'
import { draftRoute } from './draft-route.ts'
import { failureOf, statusOf } from './failure.ts'
import { observationRoutes, startObservation } from './observation.ts'
import { CONTROL_VERSION } from './routes.ts'
import { claimSocket } from './socket.ts'
import { isPipe } from './socket-path.ts'
import { streamRoutes } from './stream-routes.ts'
import { Uploads } from './uploads.ts'

/** What a control server is made from. */
export interface ControlServerInit {
  readonly service: NodeService
  /** Unix socket or Windows pipe to listen at: see {@link controlSocketPath}. */
  readonly socketPath: string
  /** Folder for uploads. */
  readonly uploadDir: string
  /** Loopback port for `/healthz` and `/metrics` alone (0: any free one). Default: none is opened. */
  readonly metricsPort?: number
  readonly clock: Clock
  readonly random: Random
}

/** A control server that listens. */
export interface ControlServer {
  readonly socketPath: string
  /** Where Prometheus finds the metrics, when a port was asked for. */
  readonly metricsUrl?: string
  /** Ends event streams, lets other requests finish for a moment, and closes. */
  stop(): Promise<void>
}

/** How long requests in progress may hold up a stop. */
const LINGER_MS = 1_000

/**
 * Publishes a node on its socket and, when asked to, its health and metrics on a loopback port. Only the node's own
 * user can connect: the socket's mode is 0600. Throws `socket.*`, `metrics.port-in-use`.
 */
export async function startControlServer(init: ControlServerInit): Promise<ControlServer> {
  const { service, socketPath, clock } = init
  const closing = new AbortController()
  const metrics = nodeMetrics(service, closing.signal)
  const uploads = new Uploads({ folder: init.uploadDir, clock, random: init.random })
  await uploads.start()
  await claimSocket(socketPath)

  const app = newApp()
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Aivida node', version: `${CONTROL_VERSION}` } },
    transform: jsonSchemaTransform,
  })
  callRoutes(app, service)
  streamRoutes(app, { service, uploads, clock, closing: closing.signal })
  draftRoute(app, service)
  observationRoutes(app, { service, metrics })
  app.get('/openapi.json', { schema: { hide: true } as object }, () => app.swagger())
  await app.listen({ path: socketPath })
  if (!isPipe(socketPath)) await chmod(socketPath, 0o600)

  const stop = async () => {
    closing.abort()
    const cut = clock.after(LINGER_MS, () => app.server.closeAllConnections())
    await app.close()
    cut()
  }
  if (init.metricsPort === undefined) return { socketPath, stop }
  try {
    const observation = await startObservation({ service, metrics }, init.metricsPort)
    return {
      socketPath,
      metricsUrl: observation.url,
      stop: async () => void (await Promise.all([stop(), observation.app.close()])),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function newApp(): FastifyInstance {
  const app = fastify({ bodyLimit: limit('documentBytes') })
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler((error, _request, reply) => fail(reply, error))
  app.setNotFoundHandler((request, reply) =>
    fail(reply, userError('request.no-route', `no ${request.method} ${request.url} here; see GET /openapi.json`)),
  )
  return app
}

function fail(reply: FastifyReply, error: unknown): FastifyReply {
  const failure = failureOf(error)
  return reply
    .code(statusOf(failure))
    .type('application/json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ v: CONTROL_VERSION, error: failure })
}
