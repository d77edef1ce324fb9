import { toAividaError } from '../../../base/index.ts'
import { broken, type Check, ok, skipped } from '../check.ts'

/** Starts an engine child and runs a graph in it, as a shard would. */
export const engineCheck: Check = {
  name: 'engine',
  limit: 'doctorEngineMs',
  async run({ machine, config }, signal) {
    if (config.role === 'submitter') return [skipped('a submitter runs no shards')]
    const startMs = machine.monoMs()
    try {
      const { name, version } = await machine.tryEngine(signal)
      return [ok(`${name} ${version} started and ran a graph in ${Math.round(machine.monoMs() - startMs)} ms`)]
    } catch (error) {
      if (signal.aborted) throw error
      return [
        broken(
          `an engine child cannot run a graph: ${toAividaError(error).message}`,
          'npm install in the folder of aivida; see that enough memory is free, and what a sandbox forbids',
        ),
      ]
    }
  },
}
