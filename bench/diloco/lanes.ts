import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Recipe, Trained } from './recipe.ts'

/** Trainings at the same time: each is one thread. */
const LANES = 2

/** What a lane answers. */
type Answer = { readonly trained: Trained } | { readonly error: string }

/** Trains by each of these recipes, two at a time in processes of their own; gives what they came to, in their order. */
export async function trainAll(
  recipes: readonly Recipe[],
  onTrained: (recipe: Recipe, trained: Trained) => void,
): Promise<Trained[]> {
  const results: Trained[] = []
  const waiting = [...recipes.entries()]
  const lane = async () => {
    const child = fork(fileURLToPath(new URL('lane.ts', import.meta.url)))
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`a training process ended with ${code}`)
    })
    died.catch(() => {}) // told to whoever waits for an answer
    try {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [at, recipe] = next
        child.send(recipe)
        const [answer] = (await Promise.race([once(child, 'message'), died])) as [Answer]
        if ('error' in answer) throw new Error(answer.error)
        results[at] = answer.trained
        onTrained(recipe, answer.trained)
      }
    } finally {
      child.disconnect()
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}
