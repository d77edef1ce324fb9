import type { DataEntry } from '../../runtime/node/data-shelf/data-entry.ts'
import { bytes, count, duration, percent } from '../../runtime/node/record/report/figures.ts'
import { html } from '../../runtime/node/record/report/markup.ts'
import type { NodeInfo } from '../../runtime/node/service.ts'
import type { JobStatus, NetworkView, PeerView } from '../../runtime/protocol/index.ts'
import { unitOf } from '../../runtime/protocol/unit.ts'
import { type CardTable, cardTableBundle, cardTableHtml, cardTableText } from './card-table.ts'
import type { MimeBundle } from './mime-bundle.ts'
import { page } from './page.ts'
import { plain } from './plain.ts'

/** The cluster as this node sees it: how many nodes and slots there are, who is where, what the operator should know. */
export function clusterCard(info: NodeInfo, peers: readonly PeerView[]): MimeBundle {
  const { cluster, name, account, network, warnings, disk } = info
  const alive = peers.filter(({ state }) => state === 'alive')
  const slots = alive.flatMap(({ devices }) => devices).reduce((sum, device) => sum + device.slots, 0)
  const notes = [...(network.island ? [network.island.message] : []), ...warnings]
  const table = peersOf(peers)
  const tiles: readonly (readonly [value: string, what: string])[] = [
    [count(alive.length), alive.length === 1 ? 'node is here' : 'nodes are here'],
    [count(slots), 'slots for shards'],
    [networkWords(network), 'other members'],
    [bytes(disk.usedBytes), `kept here, of ${bytes(disk.budgetBytes)}`],
  ]
  const own = `this node ${name}${account === undefined ? '' : `, account ${account}`}`
  const markup = html`<div class="head"><b>${cluster.name}</b> <span class="soft">${own}</span></div>
<div class="tiles">${tiles.map(([value, what]) => html`<div><b>${value}</b> <span>${what}</span></div>`)}</div>
${notes.map((note) => html`<p class="warn">${note}</p>`)}${cardTableHtml(table)}`
  const text = [
    `cluster ${cluster.name}: ${tiles.map(([value, what]) => `${value} ${what}`).join(', ')}`,
    own,
    ...notes.map((note) => `! ${note}`),
    cardTableText(table),
  ]
  return { 'text/plain': plain(text.join('\n')), 'text/html': page(markup) }
}

/** The nodes that are about. */
export function peersCard(peers: readonly PeerView[]): MimeBundle {
  return cardTableBundle(peersOf(peers))
}

function peersOf(peers: readonly PeerView[]): CardTable {
  const tones = { alive: 'good', suspect: 'warn', lost: 'bad', gated: 'bad' } as const
  return {
    headings: [
      { name: 'node' },
      { name: 'state' },
      { name: 'via' },
      { name: 'devices' },
      { name: 'slots', right: true },
      { name: 'refuses us' },
      { name: 'misdeeds' },
    ],
    empty: 'no node is about',
    rows: [...peers]
      .sort((a, b) => Number(b.self) - Number(a.self) || (a.name < b.name ? -1 : 1))
      .map((peer) => [
        { text: `${peer.name || peer.peer.slice(-8)}${peer.self ? ' (this)' : ''}`, title: peer.peer },
        { text: peer.state, tone: tones[peer.state] },
        peer.carrier === 'none' ? '-' : peer.carrier,
        peer.devices.map(({ provider, model }) => (model === '' ? provider : `${provider} ${model}`)).join(', ') || '-',
        count(peer.devices.reduce((sum, { slots }) => sum + slots, 0)),
        reasons(peer.refusals),
        peer.conduct
          ? { text: `${peer.conduct.code} ×${peer.conduct.count}`, title: peer.conduct.message, tone: 'warn' }
          : '-',
      ]),
  }
}

/** Jobs, newest first, at a moment of the wall clock. */
export function jobsCard(jobs: readonly JobStatus[], nowWallMs: number): MimeBundle {
  const tones = { running: 'soft', done: 'good', failed: 'bad', cancelled: 'warn', adopted: 'warn' } as const
  return cardTableBundle({
    headings: [
      { name: 'job' },
      { name: 'name' },
      { name: 'program' },
      { name: 'state' },
      { name: 'done', right: true },
      { name: 'workers', right: true },
      { name: 'took', right: true },
      { name: 'ago', right: true },
      { name: '' },
    ],
    empty: 'no jobs yet',
    rows: jobs.map((job) => {
      const { rows, rounds, error } = job
      const isPart = job.state !== 'done' && rows.total !== undefined && rows.total > 0
      const share = isPart ? ` (${percent(rows.done / rows.total!)})` : ''
      return [
        job.job,
        job.name || '-',
        job.program,
        { text: job.state, tone: tones[job.state] },
        `${count(rows.done)} ${unitOf(job)}${share}`,
        count(job.workers.length),
        duration(Math.max(0, (job.finishedWallMs ?? nowWallMs) - job.createdWallMs)),
        duration(Math.max(0, nowWallMs - job.createdWallMs)),
        error && job.state !== 'cancelled'
          ? { text: `${error.code}: ${error.message}`, tone: 'bad', wraps: true }
          : {
              text: error?.message ?? (job.state === 'running' ? rounds?.waits : undefined) ?? '',
              tone: 'warn',
              wraps: true,
            },
      ]
    }),
  })
}

/** Data that the node keeps, at a moment of the wall clock. */
export function dataCard(entries: readonly DataEntry[], nowWallMs: number): MimeBundle {
  const tones = { here: 'good', arriving: 'soft', failed: 'bad' } as const
  return cardTableBundle({
    headings: [
      { name: 'name' },
      { name: 'state' },
      { name: 'size', right: true },
      { name: 'kept for' },
      { name: 'from' },
      { name: 'path' },
    ],
    empty: "nothing is kept here yet: cluster.data.add('rows.parquet')",
    rows: entries.map((entry) => [
      entry.name,
      entry.error
        ? { text: `failed: ${entry.error.code}`, tone: 'bad', title: entry.error.message }
        : { text: entry.state, tone: tones[entry.state] },
      entry.sizeBytes === undefined
        ? bytes(entry.receivedBytes)
        : entry.state === 'here'
          ? bytes(entry.sizeBytes)
          : `${bytes(entry.receivedBytes)} of ${bytes(entry.sizeBytes)}`,
      entry.untilWallMs === undefined ? 'always' : duration(Math.max(0, entry.untilWallMs - nowWallMs)),
      entry.source,
      entry.path ?? '',
    ]),
  })
}

function networkWords({ reachable, known }: NetworkView): string {
  return `${count(reachable)} of ${count(known)} reachable`
}

function reasons(counts: Readonly<Partial<Record<string, number>>>): string {
  return (
    Object.entries(counts)
      .map(([reason, times]) => `${reason} ×${times}`)
      .join(', ') || '-'
  )
}
