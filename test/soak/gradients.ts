import { type Random, seededRandom } from '../../runtime/base/index.ts'
import { checkModelGradients, type ModelCase } from '../support/model-gradients.ts'
import { randomModel } from '../support/random-models.ts'

/** Models at random, `count` of them, each from a seed of its own that is told when its gradients are wrong. */
export async function soakGradients(count: number, random: Random): Promise<void> {
  let parameters = 0
  for (let i = 0; i < count; i++) {
    const seed = Math.floor(random.float() * 2 ** 32)
    const { what, found } = randomModel(seededRandom(seed))
    try {
      parameters += await checkedSomewhere(what, found)
    } catch (error) {
      throw new Error(`model ${i} of seed ${seed}: ${what}`, { cause: error })
    }
  }
  console.log(`${count} models, ${parameters} parameters: all gradients are those of finite differences`)
}

/** Now and then a model begins beside a kink of a ReLU or a pool: it is looked at with other weights, a few times at most. */
async function checkedSomewhere(what: string, found: ModelCase): Promise<number> {
  const seed = found.seed ?? 0
  try {
    return await checkModelGradients(what, found)
  } catch (error) {
    if (seed > 5_000) throw error
    return checkedSomewhere(what, { ...found, seed: seed + 1_000 })
  }
}
