import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { type Clock, userError } from '../../base/index.ts'
import { dataEntrySchema } from '../data-shelf/data-entry.ts'
import type { NodeService } from '../service.ts'
import { joinArrowFiles } from './arrow-files.ts'
import { streamEvents } from './event-stream.ts'
import { hangUp } from './hang-up.ts'
import {
  ARROW_STREAM,
  BYTES,
  bundleQuerySchema,
  CONTROL_VERSION,
  envelope,
  eventsQuerySchema,
  jobParams,
  putDataParams,
  putDataQuerySchema,
  TAR,
  uploadSchema,
} from './routes.ts'
import type { Uploads } from './uploads.ts'

/** What the streams are made from. */
export interface StreamRoutesInit {
  readonly service: NodeService
  readonly uploads: Uploads
  readonly clock: Clock
  /** Fires when the server closes: streams without an end of their own stop then. */
  readonly closing: AbortSignal
}

/** Serves what is too long for one JSON reply: events, results, uploads. */
export function streamRoutes(instance: FastifyInstance, { service, uploads, clock, closing }: StreamRoutesInit): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  // An upload is read by its handler, piece by piece, not collected first.
  for (const type of [ARROW_STREAM, BYTES])
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload))

  app.get(
    '/v1/events',
    {
      schema: {
        operationId: 'events',
        summary: "The node's events, as server-sent events",
        querystring: eventsQuerySchema,
        produces: ['text/event-stream'],
      } as { querystring: typeof eventsQuerySchema },
    },
    async (request, reply) => {
      const { after, type } = request.query
      await service.restored
      // An unknown job is an error, not silence; one of another node is named with it.
      const job = request.query.job === undefined ? undefined : (await service.job(request.query.job)).job
      const signal = AbortSignal.any([hangUp(reply), closing])
      const events = service.events.subscribe({
        signal,
        ...(after !== undefined && { after }),
        ...(job !== undefined && { job }),
        ...(type !== undefined && { type }),
      })
      reply.hijack()
      await streamEvents(reply.raw, events, { clock, signal })
    },
  )

  app.get(
    '/v1/jobs/:id/result',
    {
      schema: {
        operationId: 'result',
        summary: 'The result of a job that is done, as one Arrow stream',
        params: jobParams,
        produces: [ARROW_STREAM],
      } as { params: typeof jobParams },
    },
    async (request, reply) => {
      const { job, state } = await service.job(request.params.id)
      if (state !== 'done')
        throw userError(
          'job.not-done',
          `${job} is ${state}: it has no whole result, only the parts that are finished`,
          {
            remedy: `GET /v1/jobs/${job}/parts`,
          },
        )
      const files = (await service.parts(job)).filter(({ rows }) => rows > 0).map(({ file }) => file)
      const pieces = joinArrowFiles(files)
      const first = await pieces.next() // so that what fails at once fails with a status
      const body = Readable.from(resumed(first, pieces), { objectMode: false })
      return reply.type(ARROW_STREAM).send(body)
    },
  )

  app.get(
    '/v1/jobs/:id/bundle',
    {
      schema: {
        operationId: 'bundle',
        summary: 'A training as one file that can be done again anywhere',
        params: jobParams,
        querystring: bundleQuerySchema,
        produces: [TAR],
      } as { params: typeof jobParams; querystring: typeof bundleQuerySchema },
    },
    async (request, reply) => {
      const bundle = await service.bundle(request.params.id, { data: request.query.data === 'true' })
      return reply.type(TAR).send(Readable.from(bundle, { objectMode: false }))
    },
  )

  app.put(
    '/v1/datasets/:name',
    {
      schema: {
        operationId: 'putData',
        summary: 'Keeps the bytes of the body as data of this name',
        params: putDataParams,
        querystring: putDataQuerySchema,
        consumes: [BYTES],
        response: { 200: envelope(dataEntrySchema) },
      } as { params: typeof putDataParams; querystring: typeof putDataQuerySchema },
    },
    async (request, reply) => {
      if (!(request.body instanceof Readable)) throw userError('data.no-bytes', `expected a body of type ${BYTES}`)
      const { keepMs } = request.query
      const put = { name: request.params.name, ...(keepMs !== undefined && { keepMs }) }
      return { v: CONTROL_VERSION, data: await service.shelf.put(put, request.body, hangUp(reply)) }
    },
  )

  app.post(
    '/v1/data',
    {
      schema: {
        operationId: 'upload',
        summary: 'Stores an Arrow table for use as the input of jobs',
        consumes: [ARROW_STREAM],
        response: { 200: envelope(uploadSchema) },
      } as object,
    },
    async (request, reply) => {
      if (!(request.body instanceof Readable))
        throw userError('data.not-arrow', `expected a body of type ${ARROW_STREAM}`)
      return { v: CONTROL_VERSION, data: await uploads.store(request.body, hangUp(reply)) }
    },
  )
}

async function* resumed<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (!first.done) yield first.value
  yield* rest
}
