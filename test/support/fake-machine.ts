import type { Config } from '../../runtime/base/index.ts'
import { loadConfig, timedOut } from '../../runtime/base/index.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import type { Machine, Patient, Standing } from '../../runtime/node/doctor/index.ts'
import type { NodeInfo } from '../../runtime/node/service.ts'
import { FAKE_PEER, FakeNodeService } from './fake-node-service.ts'

/** When every fake machine lives: ms since the Unix epoch. */
export const NOW = Date.UTC(2026, 10, 25)

/** Settings as flags give them. */
export function settings(flags: Readonly<Record<string, unknown>> = {}): Config {
  return loadConfig({ system: { home: '/home/ada', cwd: '/', platform: 'linux' }, flags })
}

/** A node's place in a cluster of three, changed where `changes` says so. */
export function standing(changes: Partial<Standing> = {}): Standing {
  return {
    cluster: { id: 'c'.repeat(64), name: 'lab' },
    refusal: undefined,
    others: 2,
    newestWallMs: NOW - 60_000,
    ownAccount: `ac_${'1'.repeat(40)}`,
    binding: undefined,
    memberAccount: undefined,
    ...changes,
  }
}

/** A machine on which all is well, changed where `changes` says so. */
export function fakeMachine(changes: Partial<Machine> = {}): Machine {
  return {
    software: { aivida: '0.1.0', node: '24.21.0', platform: 'linux', arch: 'x64' },
    wallMs: () => NOW,
    monoMs: () => 0,
    packageVersion: () => '1.30.0',
    quicProblem: () => undefined,
    nodeInfo: async () => {
      throw timedOut('never asked', 0)
    },
    kindOf: async () => 'nothing',
    fileSystem: async () => ({ freeBytes: 100 * 2 ** 30, totalBytes: 200 * 2 ** 30, type: 0xef53 }),
    trialWrite: async () => ({ syncMs: 2, skewMs: 3 }),
    usedBytes: async () => 2 ** 30,
    standing: async () => standing(),
    knownAddresses: async () => [],
    bind: async () => {},
    holder: () => undefined,
    ownAddress: () => '192.0.2.7',
    echoUdp: async () => {},
    dial: async () => {},
    tryEngine: async () => ({ name: 'ort', version: '1.30.0', providers: ['cpu'] as const }),
    determinism: async () => ({ determinismClass: 'ort-1.30.0/cpu/x64-avx2/all', exact: true }),
    ...changes,
  }
}

/** A patient with this machine, without a running node, changed where `changes` says so. */
export function patient(machine: Partial<Machine> = {}, changes: Partial<Patient> = {}): Patient {
  const config = changes.config ?? settings()
  return {
    config,
    configError: undefined,
    folder: dataFolder(config.dataDir),
    machine: fakeMachine(machine),
    node: undefined,
    nodeError: undefined,
    seeds: [],
    ...changes,
  }
}

/** A node that runs, changed where `changes` says so. */
export async function runningNode(changes: Partial<NodeInfo> = {}): Promise<NodeInfo> {
  const info = await new FakeNodeService().info()
  return { ...info, version: '0.1.0', addresses: [`/ip4/192.0.2.7/udp/4001/quic-v1/p2p/${FAKE_PEER}`], ...changes }
}
