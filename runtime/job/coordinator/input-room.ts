import { isAividaError, sleep } from '../../base/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { BlobRef } from '../../protocol/index.ts'
import type { CoordinatorPorts } from './ports.ts'

/** A job waits this long for the inputs of others to leave memory, and looks this often. */
const ROOM_WAIT_MS = 120_000
const ROOM_POLL_MS = 100

/** Jobs share the memory for inputs: when others hold it all, this one waits its turn. Throws `disk.budget` at last. */
export async function putWhenRoom(
  { clock, putInput }: Pick<CoordinatorPorts, 'clock' | 'putInput'>,
  job: string,
  tensors: NamedTensors,
  signal: AbortSignal,
): Promise<BlobRef> {
  for (let waitedMs = 0; ; waitedMs += ROOM_POLL_MS) {
    try {
      return await putInput(job, tensors)
    } catch (error) {
      if (!isAividaError(error, 'disk.budget') || waitedMs >= ROOM_WAIT_MS) throw error
    }
    await sleep(clock, ROOM_POLL_MS, signal)
  }
}
