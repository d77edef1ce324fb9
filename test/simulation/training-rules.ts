import { sha256 } from '../../runtime/base/index.ts'
import { addRound, countingParts, emptyHistory } from '../../runtime/job/programs/index.ts'
import { type JobSpec, lineageOf, type ResultPart, type RoundManifest } from '../../runtime/protocol/index.ts'

/** What is wrong with a training by rounds as its journal tells it; a finished one has each of its batches once. */
export function wrongTraining(
  { training }: Pick<JobSpec, 'training'>,
  parts: readonly ResultPart[],
  manifests: ReadonlyMap<number, RoundManifest>,
  isDone: boolean,
): string | undefined {
  if (!training) return 'it is a training of nothing'
  const history = emptyHistory(training)
  const seen = new Set<number>()
  for (const { round: outcome, checkpoint } of countingParts(parts, manifests)) {
    const shared = checkpoint?.shared
    if (shared && history.lineages[shared.round] !== shared.lineage) return `checkpoint ${shared.round} is of no state`
    if (!outcome) continue
    const manifest = manifests.get(outcome.round)
    if (!manifest) return `round ${outcome.round} was closed, and never opened`
    if (outcome.lineage !== lineageOf(manifest.lineage, outcome.aggregates))
      return `round ${outcome.round} has another name`
    addRound(history, manifest, outcome) // throws where rounds do not follow on each other
    for (const { from, count } of outcome.counted.flatMap(({ batches }) => batches))
      for (let batch = from; batch < from + count; batch++) {
        if (seen.has(batch)) return `batch ${batch} counted twice`
        seen.add(batch)
      }
  }
  if (!isDone) return undefined
  if (seen.size !== training.steps) return `it is done, and ${seen.size} of ${training.steps} batches counted`
  return parts.at(-1)?.checkpoint?.step === training.steps ? undefined : 'it is done without its last checkpoint'
}

/** A blob that nobody reads. */
export const unread = (name: string) => ({ blob: sha256(Buffer.from(name)), sizeBytes: 1 })
