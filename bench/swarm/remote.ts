import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CarrierName } from './carriers.ts'

/** What the receiving process is asked. */
export type Question =
  /** Have the memory for a transfer ready, and begin to watch. */
  | { readonly type: 'prepare'; readonly sizeBytes: number }
  | { readonly type: 'used' }
  /** Of what was received last, decoded in place. */
  | { readonly type: 'hash' }

/** What it answers. */
export interface Answer {
  readonly address?: string
  /** User and system time so far. */
  readonly cpuMs?: number
  /** Peak of the resident memory since `prepare`, without what it was before any transfer and without the destination. MiB. */
  readonly growthMb?: number
  readonly sha256?: string
}

/** The receiving process, from outside. */
export interface Remote {
  readonly address: string
  ask(question: Question): Promise<Required<Answer>>
  stop(): void
}

/** Forks a receiver for a carrier. */
export async function startRemote(carrier: CarrierName): Promise<Remote> {
  const child = fork(fileURLToPath(new URL('receiver.ts', import.meta.url)), [carrier])
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`the receiving process of ${carrier} ended with ${code}`)
  })
  died.catch(() => {}) // told to whoever waits for an answer
  const next = async () => (await Promise.race([once(child, 'message'), died]))[0] as Required<Answer>
  const { address } = await next()
  return {
    address,
    ask(question) {
      const answer = next()
      child.send(question)
      return answer
    },
    stop: () => child.disconnect(),
  }
}
