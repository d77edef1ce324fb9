import { wallTimeText } from '../../../base/index.ts'
import { CARD_MS } from '../../../swarm/presence/own-card.ts'
import { broken, type Check, ok, warning } from '../check.ts'

/** No release is older. */
const RELEASED_WALL_MS = Date.UTC(2026, 0, 1)
/** Beyond this, what is dated here looks wrong elsewhere, and dates in logs do not fit together. */
const NOTICEABLE_MS = 30_000
/** Beyond this a card has expired when it arrives. */
const HARMFUL_MS = 5 * CARD_MS
const REMEDY = 'set it by NTP (Linux: timedatectl set-ntp true; Windows: w32tm /resync)'

/** The wall clock against other members', the cluster's documents and the disk: tickets and memberships have dates. */
export const clockCheck: Check = {
  name: 'clock',
  async run({ machine, folder, node }) {
    const nowWallMs = machine.wallMs()
    if (nowWallMs < RELEASED_WALL_MS)
      return [broken(`this machine's clock says ${dayOf(nowWallMs)}, before this software was written`, REMEDY)]
    const skewMs = node?.network.clockSkewMs
    if (skewMs !== undefined) {
      const off = `this machine's clock is ${inWords(skewMs)} compared with the other nodes`
      if (Math.abs(skewMs) > HARMFUL_MS) return [broken(`${off}: they take its word for expired`, REMEDY)]
      if (Math.abs(skewMs) > NOTICEABLE_MS) return [warning(off, REMEDY)]
      return [ok(`within ${Math.max(1, Math.round(Math.abs(skewMs)))} ms of the other nodes`)]
    }
    const [{ newestWallMs }, trial] = await Promise.all([
      machine.standing(folder).catch(() => ({ newestWallMs: 0 })),
      machine.trialWrite(folder.root).catch(() => ({ skewMs: 0 })),
    ])
    if (newestWallMs - nowWallMs > HARMFUL_MS)
      return [
        broken(`this machine's clock is behind: a document of the cluster is dated ${dayOf(newestWallMs)}`, REMEDY),
      ]
    if (Math.abs(trial.skewMs) > NOTICEABLE_MS)
      return [warning(`the disk dates files ${inWords(trial.skewMs)} against this machine's clock`, REMEDY)]
    const later = node ? 'there is no other node to compare with' : 'compared with others once the node runs'
    return [ok(`${dayOf(nowWallMs)}, and nothing known here is dated later; ${later}`)]
  },
}

/** Positive: ahead. */
function inWords(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  const span = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
  return `${span} ${skewMs > 0 ? 'ahead' : 'behind'}`
}

function dayOf(wallMs: number): string {
  return wallTimeText(wallMs).slice(0, 16).replace('T', ' ')
}
