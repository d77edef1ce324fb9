import { invariant, limit, userError } from '../../base/index.ts'
import type { BlobStore } from '../../data/blob/index.ts'
import type { NamedTensors } from '../../data/tensor/index.ts'
import type { ProgramStep, TrainingState } from '../../job/programs/index.ts'
import { type BlobRef, type ResultPart, shardId, type TrainShard } from '../../protocol/index.ts'
import { tensorsOf } from '../training/index.ts'
import { differenceOf, differentTensors } from './compare.ts'
import { programOf } from './record-gaps.ts'
import { deviceOf, type ReplayInit } from './replay-init.ts'
import type { Redone } from './replay-worker.ts'
import type { Difference, Verdict } from './verdict.ts'

/** Does a training of one worker at a time again, from its first shard on: each goes on from what was computed here before. */
export async function replayChain(init: ReplayInit): Promise<Verdict> {
  const { bundle, worker, blobs, signal, onProgress } = init
  const { record } = bundle
  const parts = record.parts.slice(0, init.first)
  const of = parts.reduce((sum, { rows }) => sum + rows, 0)
  const program = programOf(record)
  let step: ProgramStep<TrainingState> = program.start()
  const classes = new Set<string>()
  let [done, state] = [0, '']
  for (const part of parts) {
    const [shard] = step.shards
    invariant(
      shard?.kind === 'train' && shardId(shard) === part.shard,
      'a record that contradicts itself was done again',
    )
    const recorded = part.computedBy?.[0]?.determinismClass
    const device = deviceOf(worker, recorded)
    if (device === undefined) return classMissing(init, part, recorded ?? '')
    const onSteps = ({ step }: { readonly step: number }) => onProgress?.(step, of)
    const trained = await worker.train(device, shard, 0, { signal, onSteps })
    const difference = differenceOf({ part, metrics: await bundle.metrics(part) }, shard, trained)
    if (difference) return differs(difference, await tensorsApart(blobs, part, trained.state))
    done += shard.steps
    onProgress?.(done, of)
    if (recorded !== undefined) classes.add(recorded)
    state = trained.state.blob
    step = program.step(step.state, acceptedBy(shard, part, trained))
    for (const old of step.forget ?? []) await worker.drop(old)
  }
  return {
    verdict: 'identical',
    classes: [...classes],
    steps: done,
    parts: parts.length,
    of: record.parts.length,
    state,
  }
}

/** The shard as its program hears of it: with what was recorded, which is what was found. */
function acceptedBy(shard: TrainShard, { checkpoint }: ResultPart, { state, computeMs }: Redone) {
  invariant(checkpoint, 'a part of a training was compared that has no checkpoint')
  const outputs = state // no part is made of them
  const receipt = { worker: '', computeMs }
  return { type: 'accepted', shard: shardId(shard), outputs, trained: { ...checkpoint, state }, receipt } as const
}

function classMissing({ worker }: ReplayInit, { index }: ResultPart, recorded: string): Verdict {
  const here = worker.devices.map(({ determinismClass }) => determinismClass)
  return { verdict: 'class missing', recorded, here, part: index }
}

function differs(at: Difference, tensors: ReturnType<typeof differentTensors> = []): Verdict {
  return { verdict: 'differs', at, ...(tensors.length > 0 && { tensors }) }
}

/** What differs between two states, where the recorded one is in the bundle. */
async function tensorsApart(blobs: BlobStore, { checkpoint }: ResultPart, found: BlobRef) {
  if (!checkpoint || !blobs.has(checkpoint.state.blob) || checkpoint.state.blob === found.blob) return []
  return differentTensors(await stateIn(blobs, checkpoint.state), await stateIn(blobs, found))
}

/** A state in memory. */
export async function stateIn(blobs: BlobStore, { blob, sizeBytes }: BlobRef): Promise<NamedTensors> {
  if (sizeBytes > limit('modelBytes'))
    throw userError('bundle.state', `a state of ${sizeBytes} bytes is too large to be compared in memory`)
  return tensorsOf(await blobs.readAll(blob))
}
