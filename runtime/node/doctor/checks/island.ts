import { broken, type Check, ok, skipped, warning } from '../check.ts'

/** Whether the running node is cut off from the members it knows. */
export const islandCheck: Check = {
  name: 'island',
  async run({ node }) {
    if (!node) return [skipped('only a running node knows whom it reaches')]
    const { island, connected, reachable, known, missing } = node.network
    const remedy = 'see the seeds above; let a member that is reached invite it again: aivida invite, aivida join'
    if (island) return [island.kind === 'alone' ? broken(island.message, remedy) : warning(island.message, remedy)]
    const absent = missing.length > 0 ? `; ${missing.length} members are not about` : ''
    return [
      ok(known === 0 ? 'a cluster of one' : `connected to ${connected} of ${reachable} nodes that are about${absent}`),
    ]
  },
}
