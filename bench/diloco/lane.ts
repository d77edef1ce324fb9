/** A process that trains by the recipes it is sent, one after the other, and answers each with what it came to. */
import type { Recipe } from './recipe.ts'
import { train } from './train.ts'

process.on('message', (recipe: Recipe) => {
  train(recipe).then(
    (trained) => process.send?.({ trained }),
    (error) => process.send?.({ error: String(error?.stack ?? error) }),
  )
})
process.on('disconnect', () => process.exit(0))
