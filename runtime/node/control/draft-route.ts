import { on } from 'node:events'
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { aborted, userError } from '../../base/index.ts'
import type { WrittenElsewhere } from '../../data/blob/index.ts'
import type { NodeService } from '../service.ts'
import { failureOf } from './failure.ts'
import { hangUp } from './hang-up.ts'
import { JSON_LINES, jsonLine, jsonLines } from './json-lines.ts'
import { CONTROL_VERSION, putDataParams, putDataQuerySchema } from './routes.ts'

/**
 * Serves the way in for data of clients on this machine: the node makes a file and names it in the first line of its reply, the
 * client writes to it, and in the lines of its request says how many bytes are there so far (`null`: it gives up); once the request
 * has ended the last line of the reply says what has become of it. So no byte goes through the socket, and the node hashes while
 * the client writes. Whoever ends in the middle, in whichever way, ends the connection, and with it the file.
 */
export function draftRoute(instance: FastifyInstance, service: NodeService): void {
  const app = instance.withTypeProvider<ZodTypeProvider>()
  app.addContentTypeParser(JSON_LINES, (_request, payload, done) => done(null, payload))

  app.post(
    '/v1/datasets/:name/draft',
    {
      schema: {
        operationId: 'draftData',
        summary: 'Makes a file for data of this name, and keeps what is written to it',
        params: putDataParams,
        querystring: putDataQuerySchema,
        consumes: [JSON_LINES],
        produces: [JSON_LINES],
      } as { params: typeof putDataParams; querystring: typeof putDataQuerySchema },
    },
    async (request, reply) => {
      const { body } = request
      if (!(body instanceof Readable)) throw userError('data.no-bytes', `expected a body of type ${JSON_LINES}`)
      const written: WrittenElsewhere = (file, signal) => {
        reply.hijack() // from here on what fails is told in the last line
        reply.raw.writeHead(200, { 'content-type': JSON_LINES })
        reply.raw.write(jsonLine({ v: CONTROL_VERSION, data: file }))
        return toldBytes(body, signal)
      }
      const { keepMs } = request.query
      const put = { name: request.params.name, ...(keepMs !== undefined && { keepMs }) }
      try {
        const data = await service.shelf.put(put, written, hangUp(reply))
        reply.raw.end(jsonLine({ v: CONTROL_VERSION, data }))
      } catch (error) {
        if (!reply.sent) throw error
        reply.raw.end(jsonLine({ v: CONTROL_VERSION, error: failureOf(error) }))
      }
    },
  )
}

/** How many bytes the client says are written. Leaves the connection open when `signal` fires, for the reason to be told on it. */
async function* toldBytes(body: Readable, signal?: AbortSignal): AsyncGenerator<number, void, void> {
  let before = 0
  for await (const bytes of jsonLines(piecesOf(body, signal), malformed)) {
    if (bytes === null) throw aborted('whoever wrote it gave it up')
    if (!(Number.isSafeInteger(bytes) && (bytes as number) >= before))
      throw malformed(`expected a number of bytes from ${before} on, found ${JSON.stringify(bytes)}`)
    before = bytes as number
    yield before
  }
}

async function* piecesOf(body: Readable, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  for await (const [piece] of on(body, 'data', { close: ['end'], ...(signal && { signal }) })) yield piece
}

const malformed = (what: string) => userError('request.malformed', what)
