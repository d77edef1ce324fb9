import { resolve } from 'node:path'
import { aborted, fromRecord, isAividaError, sleep, userError, wallTimeText } from '../../base/index.ts'
import type { AddDataRequest, DataEntry } from '../../node/data-shelf/data-entry.ts'
import type { Cli, Session } from '../cli.ts'
import { formatBytes, formatTable, parseDuration } from '../figures.ts'
import { progressBar } from '../progress.ts'

/** `data add | list | remove`: files and downloads that the node keeps, each by its content. */
export function dataCommands(cli: Cli): void {
  const group = cli.group('data', 'files and downloads that the node keeps')
  cli
    .command(
      {
        usage: 'add <source>',
        description: 'bring a file here and keep it: a path, an http(s) address, or s3://BUCKET/KEY',
        action: add,
      },
      group,
    )
    .option('--name <name>', 'what it is called; default: as its file')
    .option('--keep <duration>', 'how long: 12h, 30d, or forever', '30d')
    .option('--sha256 <hex>', 'what its bytes must hash to')
    .option('--detach', 'return at once; aivida data list tells how far it is')
  cli.command({ usage: 'list', description: 'what is kept, arriving, or failed to arrive', action: list }, group)
  cli.command({ usage: 'remove <name>', description: 'let data go, or call their arrival off', action: remove }, group)
}

async function add(session: Session, [source]: readonly string[]): Promise<void> {
  const { options } = session
  const client = await session.client()
  const request: AddDataRequest = {
    source: await addressOf(source!, session),
    ...(options.keep !== 'forever' && { keepMs: parseDuration(options.keep) }),
    ...(options.name !== undefined && { name: options.name }),
    ...(options.sha256 !== undefined && { sha256: options.sha256.toLowerCase() }),
  }
  const begun = await client.addData(request, session.request)
  if (options.detach) return session.print(begun, `${begun.name}\n`)
  session.note(`${begun.name} (Ctrl-C leaves it to the node; see: aivida data list)`)
  const entry = await watch(session, begun, () => client.data(session.request))
  session.print(entry, `${entry.name}  ${entry.blob}  ${formatBytes(entry.sizeBytes ?? 0)}\n${entry.path ?? ''}\n`)
}

/** What the node is asked to read: S3 keys never leave this process, only a link that they signed. */
async function addressOf(source: string, { io }: Session): Promise<string> {
  if (/^https?:/i.test(source)) return source
  if (!/^s3:/i.test(source)) return resolve(io.cwd, source)
  const { LINK_S, signedLink } = await import('../../data/remote/signed-link.ts')
  return signedLink(source, { env: io.env, nowWallMs: io.clock.wallMs(), validS: LINK_S })
}

async function watch(
  { io, json }: Session,
  begun: DataEntry,
  look: () => Promise<readonly DataEntry[]>,
): Promise<DataEntry> {
  let shown = ''
  const show = (entry: DataEntry) => {
    const share = entry.sizeBytes === undefined ? undefined : entry.receivedBytes / Math.max(1, entry.sizeBytes)
    const figures = `${formatBytes(entry.receivedBytes)}${entry.sizeBytes === undefined ? '' : ` of ${formatBytes(entry.sizeBytes)}`}`
    const step = io.isTerminal ? figures : `${Math.floor((share ?? 0) * 10)}`
    if (json || step === shown) return
    shown = step
    io.err(io.isTerminal ? `\r\x1b[2K${progressBar(share)} ${figures}` : `${entry.name}: ${figures}\n`)
  }
  try {
    for (let entry: DataEntry | undefined = begun; ; ) {
      show(entry)
      if (entry.state === 'here') return entry
      if (entry.state === 'failed' && entry.error) throw fromRecord(entry.error)
      await sleep(io.clock, LOOK_MS, io.signal)
      entry = (await look()).find(({ name }) => name === begun.name)
      if (!entry) throw userError('data.unknown', `${begun.name} was removed while it arrived`)
    }
  } catch (error) {
    if (!isAividaError(error, 'aborted')) throw error
    throw aborted(`${begun.name} goes on arriving in the node; see: aivida data list`)
  } finally {
    if (!json && io.isTerminal) io.err('\n')
  }
}

const LOOK_MS = 200

async function list(session: Session): Promise<void> {
  const entries = await (await session.client()).data(session.request)
  session.print(entries, () => {
    const rows = entries.map((entry) => [
      ...[entry.name, describeState(entry), formatBytes(entry.sizeBytes ?? entry.receivedBytes)],
      ...[
        entry.untilWallMs === undefined ? 'it is removed' : wallTimeText(entry.untilWallMs),
        entry.path ?? entry.source,
      ],
    ])
    return formatTable(['NAME', 'STATE', 'SIZE', 'KEPT UNTIL', 'PATH'], rows)
  })
}

function describeState({ state, receivedBytes, sizeBytes, error }: DataEntry): string {
  if (state === 'failed') return `failed: ${error?.code ?? 'unknown'}`
  if (state === 'arriving' && sizeBytes) return `arriving, ${Math.floor((100 * receivedBytes) / sizeBytes)} %`
  return state
}

async function remove(session: Session, [name]: readonly string[]): Promise<void> {
  await (await session.client()).removeData(name!, session.request)
  session.print({ name }, `${name} is let go\n`)
}
