import { userError } from '../../base/index.ts'
import { dataFolder } from '../../node/data-folder.ts'
import type { Cli, Session } from '../cli.ts'
import { formatBytes, formatTable } from '../figures.ts'

/** What a node may be told to compute on, in the order of the list. */
const KINDS = ['cpu', 'webgpu', 'cuda'] as const

type Kind = (typeof KINDS)[number]

/** `device list | enable | disable`: what this machine computes on. Works without a running node. */
export function deviceCommands(cli: Cli): void {
  const group = cli.group('device', 'what this machine computes on')
  cli.command({ usage: 'list', description: 'try each kind of device, and say what is in use', action: list }, group)
  cli
    .command(
      {
        usage: 'enable <device>',
        description: 'make a GPU (cuda or webgpu) ready, prove a run on it, and use it from the next start on',
        action: enable,
      },
      group,
    )
    .option('-y, --yes', 'fetch what is needed without asking')
  cli.command(
    { usage: 'disable <device>', description: 'leave a device out from the next start on', action: disable },
    group,
  )
}

async function list(session: Session): Promise<void> {
  const { config } = session
  const missing: { device: Kind; code: string; reason: string }[] = []
  const found = await (await devicesOf(session)).search({
    devices: KINDS,
    onMissing: (device, { code, message }) => missing.push({ device, code, reason: message }),
    signal: session.io.signal,
  })
  const devices = found.map((device) => ({ ...device, enabled: isEnabled(config.devices, device.provider) }))
  session.print({ devices, missing }, () => {
    const rows = devices.map(({ id, enabled, model, slots, memoryBytes, determinismClass, exact }) => [
      ...[id, enabled ? 'in use' : 'not in use', model, String(slots), formatBytes(memoryBytes)],
      `${determinismClass}${exact ? ', exact' : ''}`,
    ])
    const table = formatTable(['DEVICE', 'STATE', 'MODEL', 'SLOTS', 'MEMORY', 'CLASS'], rows)
    return `${table}${missing.map(({ device, reason }) => `${device}: ${reason}\n`).join('')}`
  })
}

/** The CPU is what the engine has for it, WebAssembly included. */
function isEnabled(devices: readonly string[], provider: string): boolean {
  return devices.includes(provider === 'wasm' ? 'cpu' : provider)
}

async function enable(session: Session, [name]: readonly string[]): Promise<void> {
  const kind = kindOf(name!)
  const { io, options, config } = session
  if (kind !== 'cpu') {
    const { enableGpu } = await import('../../compute/device/enable.ts')
    const { cudaDownload } = await import('../../compute/device/cuda-download.ts')
    const { system, start } = await startersOf(session)
    await enableGpu({
      ...{ provider: kind, system, start, download: cudaDownload(), signal: io.signal },
      confirm: async (question) => (options.yes === true ? true : io.confirm(question)),
      note: (text) => session.note(text),
    })
  }
  await choose(session, [...config.devices, kind])
}

async function disable(session: Session, [name]: readonly string[]): Promise<void> {
  const kind = kindOf(name!)
  const rest = session.config.devices.filter((each) => each !== kind)
  if (rest.length === 0)
    throw userError('device.last', `expected another device beside ${kind}, which is the only one in use`, {
      remedy: 'a node that computes nothing: aivida up --role submitter',
    })
  await choose(session, rest)
}

/** Writes the devices of the next start into the data folder's `config.json`. */
async function choose(session: Session, kinds: readonly Kind[]): Promise<void> {
  const { writeSetting } = await import('../../node/config-file.ts')
  const devices = KINDS.filter((kind) => kinds.includes(kind))
  const path = await writeSetting(session.config.dataDir, 'devices', devices)
  session.print({ devices, path }, `in use from the next start on: ${devices.join(', ')}\n`)
}

function kindOf(name: string): Kind {
  const kind = KINDS.find((each) => each === name)
  if (!kind) throw userError('device.unknown', `expected one of ${KINDS.join(', ')}, found ${name}`)
  return kind
}

async function devicesOf(session: Session) {
  const { NodeDevices } = await import('../../node/hosts/devices.ts')
  const { config, io } = session
  return new NodeDevices({ config, cacheDir: dataFolder(config.dataDir).cache, clock: io.clock, env: io.env })
}

async function startersOf(session: Session) {
  const devices = await devicesOf(session)
  return { system: devices.system, start: () => devices.start() }
}
