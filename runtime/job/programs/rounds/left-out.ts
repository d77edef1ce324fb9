import type { RoundOutcome } from '../../../protocol/index.ts'

/** Codes whose messages name files of the machine that they are from. */
const OF_A_MACHINE = ['disk.', 'system.']

/** Why a member did not count, as it is recorded for good: nothing that leads to its machine is. */
export function leftOut(peer: string, code: string, message: string): RoundOutcome['excluded'][number] {
  const isOfMachine = OF_A_MACHINE.some((prefix) => code.startsWith(prefix))
  return { peer, code: code.slice(0, 64), message: isOfMachine ? '' : message.slice(0, 1024) }
}
