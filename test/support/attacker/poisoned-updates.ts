/**
 * Loaded first by a worker's process, makes it a member that lies: its steps are honest, the updates that it gives are not.
 * What it does is the content of the file that `POISONED_UPDATES` names, read anew for each update: a {@link Poison}. What
 * it gives is well formed and finite: nothing but the rule of aggregation stands against it. For models without statistics.
 */
import { readFileSync } from 'node:fs'
import { seededRandom } from '../../../runtime/base/index.ts'
import { ChildReplica } from '../../../runtime/compute/engine/child/child-replica.ts'
import { compressorOf } from '../../../runtime/compute/update/index.ts'

/** How an update is altered. */
export type Poison = 'honest' | 'garbage' | 'flipped' | 'scaled'

const noise = seededRandom(7)
const altered: Readonly<Record<Poison, (value: number) => number>> = {
  honest: (value) => value,
  garbage: () => 2 * noise.float() - 1, // a weight's own size, many times that of an update
  flipped: (value) => -value,
  scaled: (value) => 100 * value,
}

const file = process.env.POISONED_UPDATES
if (file === undefined) throw new Error('expected POISONED_UPDATES to name a file with what is to be done')
const { contribute } = ChildReplica.prototype
ChildReplica.prototype.contribute = async function (form, signal) {
  const slices = await contribute.call(this, form, signal)
  const poison = readFileSync(file, 'utf8') as Poison
  if (poison === 'honest') return slices
  const compressor = compressorOf(form.compression)
  return slices.map((bytes, i) => {
    const values = new Float32Array(form.ends[i]! - (form.ends[i - 1] ?? 0))
    compressor.decode(bytes, values)
    return compressor.encode(values.map(altered[poison]))
  })
}
