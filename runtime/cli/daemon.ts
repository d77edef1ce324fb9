import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AividaError, fromRecord, isAividaError, limit, sleep, timedOut } from '../base/index.ts'
import { COMMAND_FILE } from '../node/command-file.ts'
import type { Client } from '../node/control/client.ts'
import { dataFolder } from '../node/data-folder.ts'
import type { NodeInfo } from '../node/service.ts'
import type { Session } from './cli.ts'

const POLL_MS = 25
const SHOWN_CHARACTERS = 4_000

/** The running node, or `undefined` when there is none. */
export async function findNode(client: Client, session: Session): Promise<NodeInfo | undefined> {
  try {
    return await client.info(session.request)
  } catch (error) {
    if (isAividaError(error, 'node.not-running')) return undefined
    throw error
  }
}

/**
 * Starts `aivida node` in the background and waits until it takes work. What it says before its log is open goes to
 * `logs/start.log`. Throws what the node failed of, `node.died`, `timeout`.
 */
export async function startDaemon(session: Session): Promise<{ info: NodeInfo; readyMs: number }> {
  const { io, config } = session
  const startMs = io.clock.monoMs()
  const { logs } = dataFolder(config.dataDir)
  mkdirSync(logs, { recursive: true, mode: 0o700 })
  const startLog = join(logs, 'start.log')
  const output = openSync(startLog, 'w', 0o600)
  const child = spawn(process.execPath, [COMMAND_FILE, 'node', '--background', '--json', ...session.configFlags], {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: config.dataDir, // not whatever folder we were called in: that one shall stay removable
    env: io.env,
  })
  let ended: string | undefined
  child.on('error', (error) => {
    ended = error.message
  })
  child.on('exit', (code, signal) => {
    ended = signal ? `ended by ${signal}` : `exit code ${code}`
  })
  child.unref()
  const client = await session.client()
  for (;;) {
    const info = await findNode(client, session).catch(orEnding)
    const readyMs = io.clock.monoMs() - startMs
    if (info?.accepting && info.pid === child.pid) return { info, readyMs }
    if (ended !== undefined) throw whyItEnded(startLog, ended)
    if (readyMs > limit('startMs')) {
      child.kill('SIGKILL')
      throw timedOut(`the start of the node (see ${startLog})`, limit('startMs'))
    }
    await sleep(io.clock, POLL_MS, io.signal)
  }
}

/** A node that ends while it is asked breaks the connection; why it ended is told by itself. */
function orEnding(error: unknown): undefined {
  if (!isAividaError(error, 'control.broken')) throw error
}

/** Asks a node to stop and waits until its process is gone. Throws `timeout` when it doesn't go. */
export async function stopDaemon(session: Session, client: Client, { pid }: NodeInfo): Promise<void> {
  const { clock, signal } = session.io
  await client.stop(session.request)
  const deadlineMs = clock.monoMs() + 2 * limit('drainMs')
  while (isRunning(pid)) {
    if (clock.monoMs() > deadlineMs)
      throw new AividaError({
        code: 'timeout',
        category: 'timeout',
        message: `the node (pid ${pid}) has not ended ${2 * limit('drainMs')} ms after it was asked to`,
        facts: { remedy: `kill -9 ${pid}` },
      })
    await sleep(clock, POLL_MS, signal)
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The error that the node printed as JSON before it ended, or its last words. */
function whyItEnded(startLog: string, ended: string): AividaError {
  const words = readFileSync(startLog, 'utf8').trim()
  const last = words.split('\n').at(-1) ?? ''
  try {
    return fromRecord(JSON.parse(last).error)
  } catch {
    return new AividaError({
      code: 'node.died',
      category: 'internal',
      message: `the node ended before it was ready (${ended}); its last words, from ${startLog}:\n${words.slice(-SHOWN_CHARACTERS)}`,
    })
  }
}
