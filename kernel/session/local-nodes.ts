import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, sleep, systemClock } from '../../runtime/base/clock.ts'
import { controlSocketPath } from '../../runtime/base/config-options.ts'
import { isAividaError, timedOut, userError } from '../../runtime/base/errors.ts'
import { limit } from '../../runtime/base/limits.ts'
import { silentLogger } from '../../runtime/base/logger.ts'
import { Client } from '../../runtime/node/control/client.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import type { NodeInfo } from '../../runtime/node/service.ts'
import { aivida } from './aivida-command.ts'
import type { NodeLink } from './node-link.ts'

/** What is started. */
export interface StartOptions {
  /** Further nodes on this machine, which compute for this one. Default: none, this one computes itself. */
  readonly workers?: number
  /** Shards that each of them runs at once. Default: 1. */
  readonly slots?: number
}

/** On whose behalf. */
export interface LocalNodesInit {
  readonly link: NodeLink
  readonly env: Readonly<Record<string, string | undefined>>
}

const POLL_MS = 50

/**
 * Starts the node of a session, and workers beside it; those that run already are left alone. Workers live in folders of their
 * own below the node's, on loopback alone. Throws `start.workers` for a number that makes no sense, and what a node failed of.
 */
export async function startNodes(init: LocalNodesInit, { workers = 0, slots = 1 }: StartOptions): Promise<NodeInfo> {
  for (const [name, value, least] of [
    ['workers', workers, 0],
    ['slots', slots, 1],
  ] as const)
    if (!Number.isSafeInteger(value) || value < least || value > limit('slotsPerNode'))
      throw userError(
        `start.${name}`,
        `${name}: expected a whole number from ${least} to ${limit('slotsPerNode')}, found ${value}`,
      )
  const { link, env } = init
  const { dataDir, socketPath } = await link.config()
  const client = await link.client()
  if (!(await infoOf(client))) {
    const role = workers > 0 ? ['--role', 'submitter'] : [] // the workers have the machine
    await aivida(['up', '--data-dir', dataDir, '--socket-path', socketPath, ...role], env)
  }
  const names = Array.from({ length: workers }, (_, i) => `worker-${i + 1}`)
  const clean = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AIVIDA_')))
  await Promise.all(
    names.map((name) => startWorker({ name, dir: workerDir(dataDir, name), slots, client, env: clean })),
  )
  await seen(client, workers === 0 ? 0 : (await runningWorkers(dataDir)).length, systemClock)
  return link.ask((open) => open.info())
}

/** Ends the workers of {@link startNodes}, then the node. Gives their names. Throws `node.not-running`. */
export async function stopNodes({ link, env }: LocalNodesInit): Promise<string[]> {
  const { dataDir, socketPath } = await link.config()
  const { name } = await link.ask((client) => client.info())
  const workers = await runningWorkers(dataDir)
  await Promise.all(workers.map((worker) => aivida(['stop', '--data-dir', workerDir(dataDir, worker)], env)))
  await aivida(['stop', '--data-dir', dataDir, '--socket-path', socketPath], env)
  return [...workers, name]
}

interface WorkerInit {
  readonly name: string
  readonly dir: string
  readonly slots: number
  /** Of the node that it is to compute for. */
  readonly client: Client
  readonly env: Readonly<Record<string, string | undefined>>
}

async function startWorker({ name, dir, slots, client, env }: WorkerInit): Promise<void> {
  if (await isRunning(dir)) return
  const folder = dataFolder(dir)
  if (!existsSync(folder.cluster)) {
    const { ticket } = await client.invite({ uses: 1, expiresMs: 600_000, role: 'worker' })
    const { joinCluster } = await import('../../runtime/node/cluster/joining.ts')
    await joinCluster({ folder, clock: systemClock, logger: silentLogger }, ticket) // not by a command line, which others can read
  }
  const listen = '/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0'
  const flags = ['--name', name, '--role', 'worker', '--slots', `${slots}`, '--listen', listen, '--no-mdns']
  await aivida(['up', '--data-dir', dir, ...flags], env)
}

/** Resolves when this node sees that many others that compute. */
async function seen(client: Client, count: number, clock: Clock): Promise<void> {
  for (const startMs = clock.monoMs(); ; await sleep(clock, POLL_MS)) {
    const peers = await client.peers()
    if (peers.filter(({ self, state, devices }) => !self && state === 'alive' && devices.length > 0).length >= count)
      return
    if (clock.monoMs() - startMs > limit('startMs')) throw timedOut('the arrival of the workers', limit('startMs'))
  }
}

const workerDir = (dataDir: string, name: string) => join(dataDir, 'local-workers', name)

/** Names of the workers below a node's folder that run. */
async function runningWorkers(dataDir: string): Promise<string[]> {
  const names = await readdir(workerDir(dataDir, '')).catch(() => [])
  const running = await Promise.all(names.map((name) => isRunning(workerDir(dataDir, name))))
  return names.filter((_, i) => running[i])
}

async function isRunning(dir: string): Promise<boolean> {
  const client = new Client({ socketPath: controlSocketPath(dir, process.platform) })
  try {
    return (await infoOf(client)) !== undefined
  } finally {
    await client.close()
  }
}

async function infoOf(client: Client): Promise<NodeInfo | undefined> {
  try {
    return await client.info()
  } catch (error) {
    if (isAividaError(error, 'node.not-running')) return undefined
    throw error
  }
}
