import { createHash } from 'node:crypto'
import { toAividaError, userError } from '../../../base/errors.ts'
import type { Digest } from '../../../base/hash.ts'
import { checkTensors } from '../../../data/tensor/check.ts'
import type { NamedTensors, Tensor } from '../../../data/tensor/tensor.ts'
import { checkInputs } from '../../model/tensor-spec.ts'
import type { EngineSession } from '../engine.ts'
import { RunStepper, scalarOf } from '../run-stepper.ts'
import { SplitStepper } from '../split-stepper.ts'
import { protocol } from './frame.ts'
import { type StepHead, scalarsOf, taker, tensorsOf } from './messages.ts'
import { replicate } from './replica-requests.ts'
import type { Answer, Asked, Training, TrainingRequest } from './training-requests.ts'

/** Requests that look at no state, or settle it themselves. */
const STATELESS: ReadonlySet<TrainingRequest['op']> = new Set(['begin-training', 'steps', 'end-training'])

/** The models that a child trains: their state stays here from one request to the next. */
export class Trainings {
  readonly #sessions: ReadonlyMap<number, EngineSession>
  readonly #trainings = new Map<number, Training>()

  constructor(sessions: ReadonlyMap<number, EngineSession>) {
    this.#sessions = sessions
  }

  /** Does what is asked; what it throws is the answer too. */
  async answer(request: TrainingRequest, parts: readonly Uint8Array[]): Promise<Answer> {
    if (!STATELESS.has(request.op)) await this.#trainings.get(request.session)?.stepper.settle?.()
    switch (request.op) {
      case 'begin-training':
        return this.#begin(request, parts)
      case 'steps':
        return this.#step(request, parts)
      case 'evaluate':
        return this.#evaluate(request, parts)
      case 'read-state':
        return this.#read(request)
      case 'begin-replica':
      case 'merge':
      case 'contribute':
      case 'restore':
      case 'read-replica':
        return replicate(this.#training(request.session), request, parts)
      case 'end-training':
        this.end(request.session)
        return [{ op: 'training' }, []]
    }
  }

  /** Frees the state of a training, if there is one. */
  end(session: number): void {
    this.#trainings.get(session)?.stepper.end()
    this.#trainings.delete(session)
  }

  #begin(request: Asked<'begin-training'>, parts: readonly Uint8Array[]): Answer {
    const { session: number, state, frozen, metrics, split } = request
    const [session, update] = [this.#sessions.get(number), split && this.#sessions.get(split.update)]
    if (!session || (split && !update)) throw protocol('a loaded session')
    const take = taker(parts)
    const [initial, fixed] = [tensorsOf(state, take(state.length)), tensorsOf(frozen, take(frozen.length))]
    take.end()
    checkTensors({ ...initial, ...fixed })
    const outputs = [...session.outputs, ...(update?.outputs ?? [])].map(({ name }) => name)
    const given = [...state.map(({ next }) => next), ...(split?.gradients ?? []).map(({ gives }) => gives), ...metrics]
    const missing = given.find((name) => !outputs.includes(name))
    if (missing !== undefined)
      throw userError('step.no-output', `the training step has no output ${missing}; it has ${outputs.join(', ')}`)
    const init = {
      state: state.map(({ name, next }) => ({ name, next, tensor: initial[name]! })),
      frozen: fixed,
      metrics,
    }
    this.end(number)
    const halves = split && update && new SplitStepper({ ...init, ...split, gradient: session, update })
    this.#trainings.set(number, {
      session,
      stepper: halves ?? session.stepper?.({ ...init, resident: true }) ?? new RunStepper(session, init),
      names: state.map(({ name }) => name),
      frozen: fixed,
      checked: halves !== undefined,
      failed: undefined,
    })
    return [{ op: 'training' }, []]
  }

  async #step({ session, steps, commit }: Asked<'steps'>, parts: readonly Uint8Array[]): Promise<Answer> {
    const training = this.#training(session)
    if (training.failed !== undefined) throw training.failed
    const metrics: number[] = []
    try {
      for (const inputs of stepInputs(steps, parts)) {
        if (!training.checked) checkInputs(training.session.inputs, { ...weightsOf(training), ...inputs })
        training.checked = true
        metrics.push(...(await training.stepper.step(inputs)))
      }
      if (commit) await training.stepper.settle?.()
    } catch (error) {
      training.failed = toAividaError(error, 'engine.internal')
      throw error
    }
    return [
      { op: 'stepped', ...(commit && { commitment: commitmentOf(training.stepper.state()) }) },
      [bytesOf(metrics)],
    ]
  }

  async #evaluate(request: Asked<'evaluate'>, parts: readonly Uint8Array[]): Promise<Answer> {
    const training = this.#training(request.session)
    const model = this.#sessions.get(request.model)
    if (!model) throw protocol('a loaded session')
    const takes = new Set(model.inputs.map(({ name }) => name))
    const weights = Object.fromEntries(Object.entries(weightsOf(training)).filter(([name]) => takes.has(name)))
    const metrics: number[] = []
    for (const inputs of stepInputs(request.steps, parts)) {
      const outputs = await model.run({ ...weights, ...inputs })
      metrics.push(...request.metrics.map((name) => scalarOf(outputs[name])))
    }
    return [{ op: 'stepped' }, [bytesOf(metrics)]]
  }

  #read({ session, tensor, offset, length }: Asked<'read-state'>): Answer {
    const data = this.#training(session).stepper.state()[tensor]?.data
    if (!data || offset + length > data.byteLength) throw protocol('a place within the state')
    return [{ op: 'state' }, [data.subarray(offset, offset + length)]]
  }

  #training(session: number): Training {
    const training = this.#trainings.get(session)
    if (!training) throw protocol('a training that was begun')
    return training
  }
}

/** SHA-256 over the bytes of a state's tensors, in their order: two runs that agree in it agree in every bit. */
export function commitmentOf(state: readonly Tensor[]): Digest {
  const hash = createHash('sha256')
  for (const { data } of state)
    for (let at = 0; at < data.byteLength; at += HASHED_AT_ONCE) hash.update(data.subarray(at, at + HASHED_AT_ONCE))
  return hash.digest('hex')
}

/** Node hashes at most 2 GiB - 1 bytes in one call. */
const HASHED_AT_ONCE = 2 ** 30

/** State and frozen inputs, by name. */
function weightsOf({ stepper, names, frozen }: Training): NamedTensors {
  const state = stepper.state()
  return { ...frozen, ...Object.fromEntries(names.map((name, i) => [name, state[i]!])) }
}

/** What each step is fed. */
function stepInputs(steps: readonly StepHead[], parts: readonly Uint8Array[]): NamedTensors[] {
  const take = taker(parts)
  const inputs = steps.map(({ tensors, scalars }) => ({
    ...tensorsOf(tensors, take(tensors.length)),
    ...scalarsOf(scalars),
  }))
  take.end()
  return inputs
}

function bytesOf(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}
