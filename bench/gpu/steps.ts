import { samplesPerStep } from '../training/batches.ts'
import type { TrainingTask } from '../training/task.ts'
import { WorkerTraining } from '../training/worker-steps.ts'
import { type Compared, distance, referenceOf } from './compared.ts'
import { forTarget } from './models.ts'
import type { Processor } from './processors.ts'
import { interleaved, type Work } from './rounds.ts'

/** Steps whose losses are compared, from the same weights on the same batches. */
const COMPARED_STEPS = 5

/** Trains a model in engine children as workers do: batches gathered and sent, metrics brought back, states hashed. */
export async function stepped(task: TrainingTask, all: readonly Processor[]): Promise<Compared> {
  const trainings: WorkerTraining[] = []
  const start = async (processor: Processor) => {
    const training = await WorkerTraining.start(forTarget(task, processor.target), processor)
    trainings.push(training)
    return training
  }
  try {
    const works = new Map<Processor, Work>()
    const [off, same] = [new Map<Processor, number>(), new Map<Processor, boolean>()]
    let expected: readonly number[] = []
    for (const processor of all) {
      const training = await start(processor)
      works.set(processor, async (count) => (await training.steps(count)).seconds)
      if (processor === referenceOf(all)) expected = (await training.steps(COMPARED_STEPS)).losses
      if (!processor.card) continue
      const [one, other] = [await training.steps(COMPARED_STEPS), await (await start(processor)).steps(COMPARED_STEPS)]
      trainings.pop()!.stop()
      off.set(processor, distance(one.losses, expected))
      same.set(processor, one.commitment === other.commitment)
    }
    const rates = await interleaved(works)
    const samples = samplesPerStep(task)
    return { off, same, rates: new Map([...rates].map(([of, all]) => [of, all.map((rate) => rate * samples)])) }
  } finally {
    for (const training of trainings) training.stop()
  }
}
