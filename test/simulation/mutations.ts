import type { Patch } from './patches.ts'

/** A defect planted in the production code of one process, to prove that the simulator would find it. */
export interface Mutation {
  readonly name: string
  /** What a user would suffer. */
  readonly harm: string
  readonly patches: readonly Patch[]
}

/** Each is caught within 100 seeds; `seeds.json` keeps one that does it. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'fence-removed',
    harm: 'a worker takes leases of a coordinator that was replaced',
    patches: [
      {
        file: 'runtime/job/worker/machine.ts',
        find: 'if (lease.epoch < newest) return',
        replace: 'if (lease.epoch < 0) return',
      },
    ],
  },
  {
    name: 'wake-up-lost',
    harm: 'a slot that comes free is not told of the leases that wait for it: the job stands still',
    patches: [
      {
        file: 'runtime/job/worker/machine.ts',
        find: `      computed(state, event)
      return fill(state)`,
        replace: `      computed(state, event)
      return []`,
      },
      {
        file: 'runtime/job/worker/machine.ts',
        find: 'return [...drop(state, event.lease), ...fill(state)]',
        replace: 'return drop(state, event.lease)',
      },
    ],
  },
  {
    name: 'committed-twice',
    harm: 'a restarted coordinator computes and commits again what its journal holds',
    patches: [
      {
        file: 'runtime/job/coordinator/input-feed.ts',
        find: '      if (isCommitted(index)) continue\n',
        replace: '',
      },
    ],
  },
]

/** A mutation by its name. Throws when there is none. */
export function mutation(name: string): Mutation {
  const found = MUTATIONS.find((each) => each.name === name)
  if (!found) throw new Error(`no mutation ${name}; there are ${MUTATIONS.map((each) => each.name).join(', ')}`)
  return found
}
