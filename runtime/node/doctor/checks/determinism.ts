import { toAividaError } from '../../../base/index.ts'
import { type Check, ok, skipped, warning } from '../check.ts'

/** The determinism class of this machine's CPU, and whether it is exact: whether its results can be compared by hash. */
export const determinismCheck: Check = {
  name: 'class',
  limit: 'doctorEngineMs',
  async run({ machine, config, folder, node }, signal) {
    if (config.role === 'submitter') return [skipped('a submitter runs no shards')]
    const devices = node?.devices ?? [await machine.determinism(folder, signal).catch((error: unknown) => error)]
    return devices.map((device) => {
      if (device instanceof Error)
        return skipped(`unknown while no engine runs (${toAividaError(device).message}); see above`)
      const { determinismClass, exact } = device as { determinismClass: string; exact: boolean }
      if (exact) return ok(`${determinismClass}, exact`)
      return warning(
        `${determinismClass} is not exact: two runs gave different bits, so results cannot be compared by their hashes`,
        'one thread a slot is exact where more are not: --threads-per-slot 1',
      )
    })
  },
}
