import type { FastifyInstance } from 'fastify'
import type { CallOptions, NodeService } from '../service.ts'
import { hangUp } from './hang-up.ts'
import {
  CONTROL_VERSION,
  envelope,
  failureSchema,
  ROUTES,
  type Route,
  type RouteCall,
  type RouteReply,
  type Routes,
} from './routes.ts'

type Handlers = {
  readonly [N in keyof Routes]: (call: RouteCall<Routes[N]>, options: CallOptions) => Promise<RouteReply<Routes[N]>>
}

const handlers = (service: NodeService): Handlers => ({
  info: () => service.info(),
  submit: ({ body }, options) => service.submit(body, options),
  jobs: async () => [...(await service.jobs())],
  job: ({ params }) => service.job(params.id),
  scale: ({ params, body }) => service.scale(params.id, body.workers),
  cancel: ({ params, body }) => service.cancel(params.id, body.reason),
  share: ({ params, body }) => service.share(params.id, body.account),
  unshare: ({ params }) => service.unshare(params.id, params.account),
  shared: async () => [...(await service.shared())],
  adopt: ({ params, body }) => service.adopt(params.id, body),
  followed: async () => [...(await service.followed())],
  fetch: ({ params }) => service.fetch(params.id),
  parts: async ({ params }) => [...(await service.parts(params.id))],
  record: ({ params }) => service.record(params.id),
  addData: ({ body }) => service.shelf.add(body),
  data: async () => [...(await service.shelf.list())],
  removeData: ({ params }) => done(service.shelf.remove(params.name)),
  peers: async () => [...(await service.peers())],
  members: async () => [...(await service.members())],
  setSeeds: ({ body }) => done(service.setSeeds(body.addresses)),
  remove: ({ params, body }) => done(service.remove(params.peer, body.reason)),
  invite: ({ body }) => service.invite(body),
  pending: async () => [...(await service.pending())],
  approve: ({ params }) => done(service.approve(params.peer)),
  leave: () => done(service.leave()),
  drain: () => done(service.drain()),
  stop: () => done(service.stop()),
})

const done = async (work: Promise<void>) => {
  await work
  return {}
}

/** Serves every call of {@link ROUTES}: input checked, reply in its envelope, work aborted when the client hangs up. */
export function callRoutes(app: FastifyInstance, service: NodeService): void {
  for (const [name, handle] of Object.entries(handlers(service))) {
    const { method, path, summary, reply, params, body }: Route = ROUTES[name as keyof Routes]
    app.route({
      method,
      url: path,
      schema: {
        operationId: name,
        summary,
        ...(params && { params }),
        ...(body && { body }),
        response: { 200: envelope(reply), default: failureSchema },
      } as object,
      // No body at all stands for one in which every field is left out.
      async preValidation(request) {
        request.body ??= {}
      },
      async handler(request, answer) {
        // The validator has checked both against the schemas of this very route.
        const call = { params: request.params, body: request.body } as never
        return { v: CONTROL_VERSION, data: await handle(call, { signal: hangUp(answer) }) }
      },
    })
  }
}
