import { createHash } from 'node:crypto'
import { type Digest, userError } from '../../base/index.ts'
import { readSafetensors, type SafetensorsSource } from '../../data/tensor/safetensors.ts'
import type { Replica } from '../../protocol/index.ts'
import type { StepSignature } from '../graph/training/step-signature.ts'
import { layoutOf } from '../update/index.ts'
import { momentumTensors } from './replica-files.ts'
import { isFinite32, tensorsIn } from './state-blob.ts'

/**
 * What a file says that is to be a snapshot of replicas' shared state: SHA-256 over it, then over the outer momentum, as
 * replicas say it of the state that they begin with. All of the file is read, piece by piece. Throws `train.state` for a
 * file that has not the step's tensors, in their shapes, and the momentum alone; `train.diverged` where a number of them is
 * NaN or infinite; `tensor.malformed`.
 */
export async function snapshotHash(
  file: SafetensorsSource,
  signature: Pick<StepSignature, 'state'>,
  mode: Replica['mode'],
): Promise<Digest> {
  const layout = layoutOf(signature)
  const momentum = mode === 'local' ? momentumTensors(layout) : []
  const wanted = [
    ...layout.tensors.map(({ index }) => signature.state[index]!),
    ...momentum,
    ...signature.state.filter(({ role }) => role === 'optimizer'),
  ]
  const stored = await readSafetensors(file)
  if (stored.length !== wanted.length)
    throw userError('train.state', `expected a snapshot of ${wanted.length} tensors, found ${stored.length}`)
  const hash = createHash('sha256')
  const hashed = layout.tensors.length + momentum.length
  for (const [i, { name, dtype, content }] of (await tensorsIn(file, wanted)).entries())
    for await (const bytes of content()) {
      if (dtype === 'float32' && !isFinite32(bytes))
        throw userError('train.diverged', `${name} holds a number that is none (NaN or infinite)`, { tensor: name })
      if (i < hashed) hash.update(bytes)
    }
  return hash.digest('hex')
}
