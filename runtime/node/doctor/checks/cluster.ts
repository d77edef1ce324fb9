import { toAividaError } from '../../../base/index.ts'
import { broken, type Check, ok, skipped } from '../check.ts'
import type { Standing } from '../machine.ts'

/** The node's key and its place in a cluster, as they lie in the data folder. */
export const clusterCheck: Check = {
  name: 'cluster',
  async run({ machine, folder }) {
    let standing: Standing
    try {
      standing = await machine.standing(folder)
    } catch (error) {
      if (toAividaError(error).code.startsWith('system.'))
        return [skipped('the data folder cannot be read; see the disk')]
      throw error
    }
    const { cluster, refusal, others } = standing
    if (!cluster) return [skipped('in no cluster yet: aivida join TICKET, or aivida up for one of its own')]
    if (refusal !== undefined)
      return [
        broken(
          `this node's membership of ${cluster.name} does not count: ${refusal}`,
          'ask an admin for a ticket, then: aivida join TICKET',
        ),
      ]
    return [ok(`a member of ${cluster.name} (${cluster.id.slice(0, 12)}), which has ${others} others`)]
  },
}
