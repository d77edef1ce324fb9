/**
 * An attacker's process: nice, so that the node is what is measured. Takes orders by IPC, several at once, and answers
 * each with what it was told.
 */
import { setPriority } from 'node:os'
import { evilWorker } from './evil-worker.ts'
import { halfHandshakes } from './half-handshakes.ts'
import { type Target, type Traitor, traitorOf } from './knock.ts'
import * as memberAttacks from './member-attacks.ts'
import * as strangerAttacks from './stranger-attacks.ts'

/** What an attacker is asked to do. */
export interface Order {
  readonly id: number
  readonly attack: string
  readonly target: Target
  readonly options: object
  /** Of the member it is to attack as; absent for a stranger. */
  readonly dataDir?: string
}

/** What came of an order. */
export interface Answer {
  readonly id: number
  readonly told?: Record<string, unknown>
  readonly failure?: string
}

setPriority(Number(process.argv[2]))
const traitors = new Map<string, Promise<Traitor>>()

process.on('message', (order: Order) => {
  const { id } = order
  run(order).then(
    (told) => process.send?.({ id, told }),
    (error) => process.send?.({ id, failure: String(error?.stack ?? error) }),
  )
})
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })

async function run({ attack, target, options, dataDir }: Order): Promise<object> {
  if (dataDir === undefined) {
    const strangers = { ...strangerAttacks, halfHandshakes }
    return (strangers as unknown as Record<string, (target: Target, options: object) => Promise<object>>)[attack]!(
      target,
      options,
    )
  }
  const traitor = traitors.get(dataDir) ?? traitorOf(dataDir)
  traitors.set(dataDir, traitor)
  type Attack = (traitor: Traitor, target: Target, options: object) => Promise<object>
  return ({ ...memberAttacks, evilWorker } as unknown as Record<string, Attack>)[attack]!(
    await traitor,
    target,
    options,
  )
}
