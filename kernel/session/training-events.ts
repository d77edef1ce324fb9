import type { TrainingEvent, TrainingMembers } from '../../runtime/node/training/training-handle.ts'
import { trainingRound } from '../../runtime/node/training/training-round.ts'
import type { JobRecordDocument, JobStatus, NodeEvent } from '../../runtime/protocol/index.ts'

/** What happens in a training, of what the node says. `record` tells how large its batches are. */
export async function* trainingEvents(
  news: AsyncIterable<NodeEvent>,
  record: () => Promise<JobRecordDocument>,
): AsyncGenerator<TrainingEvent, void, void> {
  const names = new Map<string, string>()
  const nameOf = (peer: string) => names.get(peer) ?? ''
  let batchSize: number | undefined
  let told: string | undefined
  for await (const event of news) {
    if (event.type === 'training') {
      const { worker, step, metrics, rowsPerSecond } = event
      yield { type: 'steps', worker, step, metrics, rowsPerSecond }
    } else if (event.type === 'part') {
      const { round: outcome, checkpoint, firstRow, rows, file } = event.part
      if (outcome) {
        batchSize ??= (await record()).training?.batchSize ?? 0
        yield { type: 'round', ...(await trainingRound({ outcome, step: firstRow + rows, file, batchSize, nameOf })) }
      }
      if (checkpoint) yield { type: 'checkpoint', ...checkpoint }
    } else if (event.type === 'job') {
      for (const { peer, name } of event.status.workers) names.set(peer, name)
      const members = membersOf(event.status, nameOf)
      const found = JSON.stringify(members)
      if (members && found !== told) yield { type: 'members', ...members }
      told = found
    }
  }
}

function membersOf({ rounds, refusals }: JobStatus, nameOf: (peer: string) => string): TrainingMembers | undefined {
  if (!rounds) return undefined
  const { members, waits, sync } = rounds
  return {
    members: members.map((peer) => ({ peer, name: nameOf(peer) })),
    refusals,
    ...(waits !== undefined && { waits }),
    ...(sync !== undefined && { sync }),
  }
}
