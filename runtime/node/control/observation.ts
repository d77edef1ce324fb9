import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import { AividaError } from '../../base/index.ts'
import type { NodeService } from '../service.ts'
import { CONTROL_VERSION } from './routes.ts'

/** What a monitor may see of a node. */
export interface Observed {
  readonly service: NodeService
  readonly metrics: () => Promise<Registry>
}

/** Serves `/healthz` and `/metrics`. */
export function observationRoutes(app: FastifyInstance, { service, metrics }: Observed): void {
  app.get('/healthz', async (_request, reply) => {
    const { accepting, pid } = await service.info()
    return reply.code(accepting ? 200 : 503).send({ v: CONTROL_VERSION, data: { accepting, pid } })
  })
  app.get('/metrics', async (_request, reply) => {
    const registry = await metrics()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}

/** Serves health and metrics, and nothing else, on a loopback port. Throws `metrics.port-in-use`. */
export async function startObservation(
  observed: Observed,
  port: number,
): Promise<{ app: FastifyInstance; url: string }> {
  const app = fastify()
  observationRoutes(app, observed)
  try {
    await app.listen({ host: '127.0.0.1', port })
  } catch (error) {
    await app.close()
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new AividaError({
      code: 'metrics.port-in-use',
      category: 'config',
      message: `another program listens on 127.0.0.1:${port}; choose another metrics port`,
      cause: error,
    })
  }
  return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/metrics` }
}
