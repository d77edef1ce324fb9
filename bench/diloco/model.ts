import { fashionMnist } from '../../datasets/fashion-mnist.ts'
import { mobyDick } from '../../datasets/moby-dick.ts'
import { characterModel } from '../../notebooks/models/character-model.ts'
import {
  adam,
  crossEntropy,
  dense,
  flatten,
  heNormal,
  layer,
  muon,
  nextTokens,
  pixels,
  relu,
  sequential,
  type TrainingInit,
  type TrainingStep,
  trainingStep,
} from '../../runtime/compute/graph/index.ts'
import { type RowTable, windowsOf } from '../../runtime/data/rows/index.ts'
import { openDataset } from '../../runtime/data/sources/index.ts'
import { CONTEXT, characterValidation, PICTURES } from '../training/task.ts'
import type { Recipe } from './recipe.ts'

/** 784-256-128-10 on pictures whose brightness has mean 0 and deviation 1 over Fashion-MNIST. 235,146 parameters. */
const STANDARDISED_MLP = sequential([
  pixels(),
  layer('standardised', {}, ({ g }, x) => g.scale(g.shift(x, -0.286), 1 / 0.353)),
  flatten(),
  dense(256, { initial: heNormal }),
  relu(),
  dense(128, { initial: heNormal }),
  relu(),
  dense(10, { initial: heNormal }),
])

/** What a recipe trains, on what, and what it is judged by. */
export interface Learning {
  readonly init: TrainingInit
  readonly step: TrainingStep
  readonly table: RowTable
  readonly validation: RowTable
}

/**
 * `mlp`: 784-256-128-10 at Fashion-MNIST, judged by its test pictures. `lm`: two blocks of width 64 over the characters of
 * Moby Dick, 64 of them a row, judged by the last tenth of the book. `batch`: rows of a step; synchronous training has more.
 */
export async function learningOf(recipe: Recipe, batch: number): Promise<Learning> {
  const { table, validation } = await dataOf(recipe)
  const smooth = adam({ beta2: 0.99 })
  const optimizer = recipe.optimizer === 'adam' ? smooth : muon({ rest: smooth, restRate: recipe.restRate ?? 0.2 })
  const shared = { optimizer, batchSize: batch, seed: recipe.seed }
  const init: TrainingInit =
    recipe.task === 'mlp'
      ? { ...PICTURES, ...shared, model: STANDARDISED_MLP }
      : {
          ...shared,
          model: characterModel({ vocabulary: table.columns[0]!.symbols!.length, width: 64, layers: 2 }),
          loss: crossEntropy(),
          inputs: { tokens: { dtype: 'uint8', shape: [CONTEXT + 1] } },
          prepare: nextTokens(),
          metrics: [],
        }
  return { init, step: trainingStep(init), table, validation }
}

async function dataOf({
  task,
  characters,
}: Recipe): Promise<{ readonly table: RowTable; readonly validation: RowTable }> {
  if (task === 'mlp') {
    const [train, test] = [await openDataset(fashionMnist, 'train'), await openDataset(fashionMnist, 'test')]
    return { table: train.table, validation: test.table }
  }
  const { tensors, table } = await openDataset(mobyDick, 'train')
  const { symbols } = table.columns[0]!
  const whole = tensors.characters!
  const text =
    characters === undefined ? whole : { ...whole, shape: [characters], data: whole.data.subarray(0, characters) }
  const rows = windowsOf(text, { size: CONTEXT + 1, ...(symbols && { symbols }) })
  return { table: rows, validation: await characterValidation() }
}
