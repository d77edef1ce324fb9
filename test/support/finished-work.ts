import { join } from 'node:path'
import { systemClock } from '../../runtime/base/index.ts'
import { jobEntryCodec, workerEntryCodec } from '../../runtime/job/journal/index.ts'
import { groupEntries, openLog } from '../../runtime/log/index.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'

/** A shard that a worker computed to its end, as its journal has it. Wall ms. */
export interface Computed {
  readonly worker: string
  readonly shard: string
  readonly startedMs: number
  /** When its receipt was durable: it counts as finished from then on. */
  readonly finishedMs: number
}

/** A time in which a node was not there. Wall ms. */
export interface Absence {
  readonly name: string
  readonly fromMs: number
  readonly untilMs: number
}

/** What a worker computed, from the journal of its folder. The node must have ended. */
export async function computedBy(worker: string, dataDir: string): Promise<Computed[]> {
  const computed: Computed[] = []
  for await (const [bytes, finishedMs] of journalled(dataFolder(dataDir).worker)) {
    const entry = workerEntryCodec.decode(bytes)
    if (entry.type === 'receipt' && entry.startedWallMs !== undefined)
      computed.push({ worker, shard: entry.receipt.shard, startedMs: entry.startedWallMs, finishedMs })
  }
  return computed
}

/** Every part that a job's journal accepted, as its index and shard, in the order of the journal; repeats included. */
export async function acceptedParts(dataDir: string, job: string): Promise<{ index: number; shard: string }[]> {
  const parts: { index: number; shard: string }[] = []
  for await (const [bytes] of journalled(join(dataFolder(dataDir).jobs, job, 'journal'))) {
    const entry = jobEntryCodec.decode(bytes)
    if (entry.type === 'part') parts.push({ index: entry.part.index, shard: entry.part.shard })
  }
  return parts
}

/** Shards computed after a worker had finished them, sorted by whether anybody could know that. */
export interface Recomputed {
  /** The worker was there, or had been, after it had finished: a defect. */
  readonly known: readonly string[]
  /** It was killed before it could tell, and still away when the shard was begun elsewhere. */
  readonly unknown: readonly string[]
}

/** A shard on its way to another worker when the first one comes back is not called off in time. Ms. */
const ON_ITS_WAY_MS = 1_000

/** Finds shards that were begun although a worker had finished them. */
export function recomputed(computed: readonly Computed[], absences: readonly Absence[]): Recomputed {
  const known: string[] = []
  const unknown: string[] = []
  for (const [shard, group] of Map.groupBy(computed, (each) => each.shard))
    for (const again of group) {
      const before = group.find((each) => each !== again && each.finishedMs < again.startedMs)
      if (!before) continue
      const isAway = absences.some(
        ({ name, fromMs, untilMs }) =>
          name === before.worker &&
          fromMs >= before.finishedMs &&
          fromMs <= again.startedMs &&
          again.startedMs <= untilMs + ON_ITS_WAY_MS,
      )
      const line = `${shard.slice(0, 8)}: finished on ${before.worker} at ${before.finishedMs}, begun on ${again.worker} at ${again.startedMs}`
      if (isAway) unknown.push(line)
      else known.push(line)
    }
  return { known, unknown }
}

async function* journalled(dir: string): AsyncGenerator<readonly [entry: Uint8Array, wallMs: number]> {
  const log = await openLog({ dir }, { clock: systemClock })
  try {
    for await (const group of log.groups(1)) for (const entry of groupEntries(group)) yield [entry, group.wallMs]
  } finally {
    await log.close()
  }
}
