/** Compressed updates, which members of a round send each other. */
import { COMPRESSIONS, compressorOf, decodeUpdate, encodeUpdate } from '../../../runtime/compute/update/index.ts'
import { sampleUpdate } from '../../compute/update/sample-updates.ts'
import type { Target } from '../target.ts'

const LENGTH = 3_001
const PLAIN = 3

/** Bytes at the head of an update that are scales, whatever the kind; altered alone they leave the rest readable. */
const SCALES = 12

function withScales(bytes: Uint8Array, altered: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(bytes)
  sealed.set(altered.subarray(0, SCALES))
  return sealed
}

/** See the head of this file. */
export const updateTargets: readonly Target[] = COMPRESSIONS.map((kind) => {
  const compressor = compressorOf({ kind })
  const bytes = encodeUpdate(compressor, sampleUpdate(LENGTH, 1), PLAIN)
  return {
    name: `update-${kind}`,
    samples: [{ bytes }, { bytes: bytes.subarray(0, SCALES), seal: (altered) => withScales(bytes, altered) }],
    decode(bytes) {
      const values = new Float32Array(LENGTH)
      decodeUpdate(compressor, bytes, PLAIN, values)
      if (!values.every(Number.isFinite)) throw new Error(`${kind}: a value that is no number`)
      encodeUpdate(compressor, values, PLAIN)
    },
  }
})
