import { systemClock } from '../runtime/base/clock.ts'
import { limit } from '../runtime/base/limits.ts'
import type { Language } from './language/language.ts'
import type { Render } from './messaging/cell-queue.ts'
import type { Connection } from './messaging/connection.ts'
import { KernelServer } from './messaging/server.ts'
import type { Session } from './session/session.ts'
import { refuseInput } from './stdin.ts'

/** What a kernel is made of. */
export interface KernelParts {
  /** Where it listens: the content of the connection file. */
  readonly connection: Connection
  readonly language: Language
  readonly session: Session
  readonly render: Render
  /** Of the `aivida` package. */
  readonly version: string
  /** The id of the process that started this one: the kernel does not outlive it. */
  readonly parent: number
}

/**
 * Makes this process a kernel: it answers front ends until one of them shuts it down, it is sent SIGTERM, or the process
 * that started it is gone. Throws `kernel.port-taken`.
 */
export async function startKernel({ connection, session, parent, ...parts }: KernelParts): Promise<void> {
  let isEnding = false
  const server = await KernelServer.listen(connection, {
    ...parts,
    parent,
    clock: systemClock,
    onShutdown: end,
    onStuck: () => process.off('SIGTERM', end),
  })
  refuseInput()
  process.on('SIGINT', () => server.interrupt())
  process.on('SIGTERM', end)
  setInterval(watch, limit('kernelParentMs')).unref()
  await server.ready()

  function watch(): void {
    server.free()
    if (!process.listeners('SIGTERM').includes(end)) process.on('SIGTERM', end)
    if (process.ppid !== parent) end()
  }

  /** Whatever cells left open is closed with the process. */
  function end(): void {
    if (isEnding) return
    isEnding = true
    server.ending()
    setTimeout(exit, limit('kernelCloseMs'))
    session.close().then(exit, exit)
  }

  function exit(): void {
    setTimeout(() => process.exit(0), limit('kernelLingerMs'))
    server.close().finally(() => process.exit(0))
  }
}
