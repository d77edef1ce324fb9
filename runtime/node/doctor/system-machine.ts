import { lstat, open, rm, stat, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type Clock, sleep } from '../../base/index.ts'
import { probeDevices } from '../../compute/device/index.ts'
import { PROBE_GRAPH, PROBE_SHAPE } from '../../compute/device/probe-graph.ts'
import { EngineChild } from '../../compute/engine/index.ts'
import { loadQuicBinding } from '../../swarm/transport/libp2p/quic/binding.ts'
import { knownPeers } from '../cluster/known-peers.ts'
import { Client } from '../control/client.ts'
import { sizeOf } from '../folder-usage.ts'
import { VERSION } from '../version.ts'
import type { Machine, Standing } from './machine.ts'
import { bindOnce, dialOnce, echoUdp, ownAddress } from './network-probes.ts'
import { portHolder } from './port-holder.ts'
import { standingOf } from './standing.ts'

/** Counting a million blobs would take longer than anybody waits for a doctor. */
const COUNT_MS = 1_500

/** The machine that this process runs on. */
export function systemMachine(clock: Clock): Machine {
  const require = createRequire(import.meta.url)
  let standing: Promise<Standing> | undefined
  return {
    software: { aivida: VERSION, node: process.versions.node, platform: process.platform, arch: process.arch },
    wallMs: () => clock.wallMs(),
    monoMs: () => clock.monoMs(),
    packageVersion(name) {
      try {
        return require(`${name}/package.json`).version
      } catch {
        return undefined
      }
    },
    quicProblem() {
      const loaded = loadQuicBinding()
      return 'reason' in loaded ? loaded.reason : undefined
    },
    async nodeInfo(socketPath, signal) {
      await using client = new Client({ socketPath, clock })
      return await client.info({ signal })
    },
    async kindOf(path) {
      const found = await lstat(path).catch(() => undefined)
      if (!found) return 'nothing'
      return found.isSocket() ? 'socket' : found.isDirectory() ? 'folder' : 'other'
    },
    async fileSystem(path) {
      const { bavail, bsize, blocks, type } = await statfs(await nearestFolder(path))
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, type }
    },
    async trialWrite(path) {
      const file = join(await nearestFolder(path), `.aivida-doctor-${process.pid}`)
      const handle = await open(file, 'wx', 0o600)
      try {
        await handle.writeFile(Buffer.alloc(4_096, 1))
        const startMs = clock.monoMs()
        await handle.sync()
        return { syncMs: clock.monoMs() - startMs, skewMs: (await handle.stat()).mtimeMs - clock.wallMs() }
      } finally {
        await handle.close()
        await rm(file, { force: true })
      }
    },
    usedBytes: ({ blobs, jobs, followed, worker, cluster, logs, cache, uploads }) =>
      Promise.race([
        sizeOf([blobs, jobs, followed, worker, cluster, logs, cache, uploads]),
        sleep(clock, COUNT_MS).then(() => undefined),
      ]),
    standing(folder) {
      standing ??= standingOf(folder, clock)
      return standing
    },
    async knownAddresses(folder) {
      return (await knownPeers(folder.peers, [])).seeds.map(({ address }) => address)
    },
    bind: bindOnce,
    holder: portHolder,
    ownAddress,
    echoUdp: (host, signal) => echoUdp(clock, host, signal),
    dial: (addresses, carrier, signal) => dialOnce(clock, addresses, carrier, signal),
    async tryEngine(signal) {
      const engine = new EngineChild({ clock })
      try {
        const session = await engine.load({ graph: PROBE_GRAPH }, { signal })
        const data = new Uint8Array(4 * PROBE_SHAPE.reduce((all, dim) => all * dim, 1))
        await session.run({ x: { dtype: 'float32', shape: PROBE_SHAPE, data } }, { signal })
        return await engine.info()
      } finally {
        await engine.kill()
      }
    },
    async determinism(folder, signal) {
      const start = () => new EngineChild({ clock })
      const [device] = await probeDevices({ start, cacheFile: join(folder.cache, 'classes.json'), slots: 1, signal })
      return device!
    },
  }
}

/** The folder at `path`, or the nearest above it that exists: where a node would make it. */
async function nearestFolder(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found?.isDirectory() || at === dirname(at)) return at
    if (found) throw Object.assign(new Error(`${at} is a file`), { code: 'ENOTDIR' })
  }
}
