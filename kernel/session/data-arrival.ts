import { sleep, systemClock } from '../../runtime/base/clock.ts'
import { fromRecord, userError } from '../../runtime/base/errors.ts'
import type { Client } from '../../runtime/node/control/client.ts'
import type { DataEntry } from '../../runtime/node/data-shelf/data-entry.ts'

const LOOK_MS = 20

/** Waits until data are here. Throws what they failed of, `data.unknown` when they were removed meanwhile, `aborted`. */
export async function arrived(client: Client, begun: DataEntry, signal?: AbortSignal): Promise<DataEntry> {
  for (let entry: DataEntry | undefined = begun; ; ) {
    if (entry.state === 'here') return entry
    if (entry.state === 'failed' && entry.error) throw fromRecord(entry.error)
    await sleep(systemClock, LOOK_MS, signal)
    entry = (await client.data({ signal })).find(({ name }) => name === begun.name)
    if (!entry) throw userError('data.unknown', `${begun.name} was removed while it arrived`)
  }
}
