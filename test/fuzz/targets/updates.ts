/** Compressed updates, which members of a round send each other. */
import { COMPRESSIONS, compressorOf, decodeUpdate, encodeUpdate } from '../../../runtime/compute/update/index.ts'
import { sampleUpdate } from '../../compute/update/sample-updates.ts'
import type { Target } from '../target.ts'

const LENGTH = 9_001
const PLAIN = 3

/** See the head of this file. */
export const updateTargets: readonly Target[] = COMPRESSIONS.map((kind) => {
  const compressor = compressorOf({ kind })
  return {
    name: `update-${kind}`,
    samples: [{ bytes: encodeUpdate(compressor, sampleUpdate(LENGTH, 1), PLAIN) }],
    decode(bytes) {
      const values = new Float32Array(LENGTH)
      decodeUpdate(compressor, bytes, PLAIN, values)
      if (!values.every(Number.isFinite)) throw new Error(`${kind}: a value that is no number`)
      encodeUpdate(compressor, values, PLAIN)
    },
  }
})
