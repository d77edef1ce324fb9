import { assertNever, type Digest } from '../../base/index.ts'
import { type BlobRef, type ModelRef, type ShardSpec, shardId } from '../../protocol/index.ts'
import type { PartOrder, ProgramEvent, ProgramStep, TimelessProgram } from './program.ts'

/** What batch inference is told once. */
export interface InferenceOptions {
  readonly model: ModelRef
  /** Graph outputs to keep; all, when empty. */
  readonly outputs: readonly string[]
  /** Batches read or computing at once: what bounds memory, whatever the size of the input. */
  readonly window: number
}

interface Batch {
  readonly index: number
  readonly firstRow: number
  readonly rows: number
}

/** Where a run of batch inference stands. */
export interface InferenceState {
  /** Shards on their way, and the batches that wait for each: equal batches share a shard. */
  readonly waiting: Map<Digest, { readonly spec: ShardSpec; readonly batches: readonly Batch[] }>
  /** Batches given or asked for whose part is not ordered yet. */
  open: number
  ended: boolean
}

/**
 * Batch inference as a pipeline: one shard and one output part per batch of the source, never more than `window`
 * batches on their way, so that the input may be larger than memory.
 */
export function inference(options: InferenceOptions): TimelessProgram<InferenceState> {
  return {
    start: () => demand(options, { waiting: new Map(), open: 0, ended: false }, {}),
    step: (state, event) => react(options, state, event),
  }
}

function react(options: InferenceOptions, state: InferenceState, event: ProgramEvent): ProgramStep<InferenceState> {
  switch (event.type) {
    case 'batch':
      return take(options, state, event)
    case 'source-ended':
      state.ended = true
      state.open = [...state.waiting.values()].reduce((sum, { batches }) => sum + batches.length, 0)
      return demand(options, state, {})
    case 'accepted':
      return demand(options, state, { parts: partsOf(state, event.shard, event.outputs) })
    case 'poison':
      return {
        ...demand(options, state, { cancel: [...state.waiting.keys()].filter((shard) => shard !== event.shard) }),
        pull: 0,
        done: { ok: false, shard: event.shard, failures: event.failures },
      }
    case 'retracted': {
      const again = state.waiting.get(event.shard)
      return demand(options, state, { shards: again ? [again.spec] : [] })
    }
    case 'result': // provisional: a part is written once, so it waits for acceptance
    case 'partial':
    case 'workers': // whoever there is: its shards go to any of them
    case 'scaled':
    case 'time':
      return demand(options, state, {})
    default:
      return assertNever(event)
  }
}

function take(
  options: InferenceOptions,
  state: InferenceState,
  { index, firstRow, rows, inputs }: Extract<ProgramEvent, { type: 'batch' }>,
): ProgramStep<InferenceState> {
  const spec: ShardSpec = { kind: 'infer', model: options.model, inputs, rows, outputs: [...options.outputs] }
  const id = shardId(spec)
  const same = state.waiting.get(id)
  state.waiting.set(id, { spec, batches: [...(same?.batches ?? []), { index, firstRow, rows }] })
  return demand(options, state, { shards: same ? [] : [spec] })
}

function partsOf(state: InferenceState, shard: Digest, outputs: BlobRef): PartOrder[] {
  const batches = state.waiting.get(shard)?.batches ?? []
  state.waiting.delete(shard)
  state.open -= batches.length
  return batches.map((batch) => ({ ...batch, shard, outputs }))
}

function demand(
  options: InferenceOptions,
  state: InferenceState,
  step: Partial<ProgramStep<InferenceState>>,
): ProgramStep<InferenceState> {
  const pull = state.ended ? 0 : Math.max(0, options.window - state.open)
  state.open += pull
  return {
    state,
    shards: [],
    cancel: [],
    parts: [],
    pull,
    ...(state.ended && state.waiting.size === 0 && { done: { ok: true } }),
    ...step,
  }
}
