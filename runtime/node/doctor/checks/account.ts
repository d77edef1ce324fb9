import { toAividaError } from '../../../base/index.ts'
import { openBinding } from '../../../swarm/identity/index.ts'
import { broken, type Check, ok, skipped, warning } from '../check.ts'

/** Whose the node is, and whether both keys still say so. */
export const accountCheck: Check = {
  name: 'account',
  async run({ machine, folder, config }) {
    const standing = await machine.standing(folder).catch(() => undefined)
    if (!standing) return [skipped('the data folder does not tell; see above')]
    const { cluster, ownAccount, binding, memberAccount } = standing
    if (!cluster) return [skipped('a node without a cluster needs no account')]
    let linked: string | undefined
    if (binding) {
      try {
        linked = openBinding(binding, cluster.id, machine.wallMs()).account
      } catch (error) {
        return [
          broken(
            `the proof that this node belongs to an account does not hold: ${toAividaError(error).message}`,
            'link it anew: aivida account link ACCOUNT',
          ),
        ]
      }
    }
    const account = linked ?? ownAccount ?? memberAccount
    if (account === undefined) {
      const remedy = 'aivida account link ACCOUNT, or one of its own: aivida account create'
      return config.role === 'submitter'
        ? [warning('this node belongs to no account, so it cannot submit jobs', remedy)]
        : [ok(`none: it works for others, and submits nothing itself until it has one (${remedy})`)]
    }
    if (ownAccount === account) return [ok(`holds the key of ${account}`)]
    return [ok(`belongs to ${account}${ownAccount === undefined ? '' : `; it holds the key of ${ownAccount}, too`}`)]
  },
}
