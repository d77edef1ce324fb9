import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isAividaError } from '../../runtime/base/index.ts'
import { type Target, USUAL_COST } from './target.ts'

/** How one input fared: what it was refused with (`value`: it was taken), or what is wrong with the decoder. */
export type Verdict = { readonly outcome: string } | { readonly violation: string }

/** CPU time of one input that no honest decoder takes, whatever else the machine does. */
const CPU_MS = 2_000
/** What a log line or a terminal can take of a refusal. */
const MESSAGE_CHARACTERS = 16_384

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')
const builtIn = Object.getOwnPropertyNames(Object.prototype).join()
let unhandled: unknown

process.on('unhandledRejection', (reason) => {
  unhandled = reason
})

/** Gives one input to a decoder: it may take it or refuse it by a typed error, at a cost that its size bounds. */
export async function execute(target: Target, input: Uint8Array): Promise<Verdict> {
  const first = await attempt(target, input)
  if (!('cost' in first) || first.cost <= allowed(target, input)) return first
  collectGarbage() // what others left behind may have been counted
  const again = await attempt(target, input)
  if (!('cost' in again) || again.cost <= allowed(target, input)) return again
  return {
    violation: `${input.byteLength} bytes cost ${again.cost} bytes of memory, more than ${allowed(target, input)}`,
  }
}

function allowed({ cost = USUAL_COST }: Target, input: Uint8Array): number {
  return cost.perByte * input.byteLength + cost.constant
}

async function attempt(target: Target, input: Uint8Array): Promise<Verdict & { readonly cost?: number }> {
  const own = Uint8Array.from(input)
  const cpuBefore = process.threadCpuUsage()
  const usedBefore = usedBytes()
  let verdict: Verdict
  try {
    const value = target.decode(own)
    if (value instanceof Promise) await value
    verdict = { outcome: 'value' }
  } catch (error) {
    verdict = judge(target, error)
  }
  const cost = usedBytes() - usedBefore
  const { user, system } = process.threadCpuUsage(cpuBefore)
  if ('violation' in verdict) return verdict
  if (Object.getOwnPropertyNames(Object.prototype).join() !== builtIn)
    return { violation: 'Object.prototype was changed' }
  if (Buffer.compare(own, input) !== 0) return { violation: 'the input was changed' }
  if (unhandled !== undefined) {
    const reason = unhandled
    unhandled = undefined
    return { violation: `a promise was rejected and nobody heard: ${reason}` }
  }
  if ((user + system) / 1000 > CPU_MS)
    return { violation: `${input.byteLength} bytes took ${Math.round((user + system) / 1000)} ms of CPU` }
  return { ...verdict, cost }
}

function judge({ categories = ['peer', 'user'] }: Target, error: unknown): Verdict {
  if (!isAividaError(error)) return { violation: `threw ${error instanceof Error ? (error.stack ?? error) : error}` }
  if (!categories.includes(error.category))
    return { violation: `threw ${error.code} of category ${error.category}: ${error.stack}` }
  if (error.message.length > MESSAGE_CHARACTERS)
    return { violation: `threw ${error.code} with a message of ${error.message.length} characters` }
  return { outcome: error.code }
}

function usedBytes(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
