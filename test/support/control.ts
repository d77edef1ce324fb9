import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, seededRandom, systemClock } from '../../runtime/base/index.ts'
import { Client } from '../../runtime/node/control/client.ts'
import { type ControlServer, startControlServer } from '../../runtime/node/control/server.ts'
import { FakeNodeService } from './fake-node-service.ts'

/** A control server on a real socket in a folder of its own, over a fake node. */
export interface TestControl extends AsyncDisposable {
  readonly folder: string
  readonly socketPath: string
  readonly service: FakeNodeService
  readonly client: Client
  server: ControlServer
  /** Starts another server on the same socket, with another service when one is given. */
  restart(service?: FakeNodeService): Promise<void>
}

/** See {@link TestControl}. */
export async function startTestControl(
  init: { service?: FakeNodeService; clock?: Clock; metricsPort?: number } = {},
): Promise<TestControl> {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-'))
  const socketPath = join(folder, 'node.sock')
  const clock = init.clock ?? systemClock
  const start = (service: FakeNodeService) =>
    startControlServer({
      service,
      socketPath,
      uploadDir: join(folder, 'uploads'),
      clock,
      random: seededRandom(1),
      ...(init.metricsPort !== undefined && { metricsPort: init.metricsPort }),
    })
  const service = init.service ?? new FakeNodeService()
  const client = new Client({ socketPath })
  const control: TestControl = {
    folder,
    socketPath,
    service,
    client,
    server: await start(service),
    async restart(next = service) {
      await control.server.stop()
      control.server = await start(next)
    },
    async [Symbol.asyncDispose]() {
      await client.close()
      await control.server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  return control
}

/** One plain HTTP request to a socket: its reply, whose body is still to be read. */
export function http(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  type = 'application/json',
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method, path, agent: false }, resolve)
    call.on('error', reject)
    if (body !== undefined) call.setHeader('content-type', type)
    call.end(body)
  })
}

/** Status and JSON body of {@link http}. */
export async function json(...call: Parameters<typeof http>) {
  const reply = await http(...call)
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came
  return { status: reply.statusCode, body: JSON.parse(Buffer.concat(await reply.toArray()).toString()) as any }
}

/** The code of what a promise rejects with. */
export function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  )
}
