import { type AividaError, peerError } from '../../base/index.ts'
import {
  accountIdOf,
  openDocument,
  type Signed,
  type Signer,
  signDocument,
  signedDigest,
} from '../../protocol/signed.ts'
import { type Change, type Genesis, genesisCodec, updateCodec } from './charter-document.ts'
import { applyUpdates, type CharterState, charterState } from './charter-state.ts'

/** A cluster's constitution: its documents, and what they add up to. */
export interface Charter {
  readonly genesis: Signed
  readonly updates: readonly Signed[]
  readonly state: CharterState
}

/** Founds a charter. Throws `charter.genesis` when the signer is not one of the admins it names. */
export function foundCharter(genesis: Genesis, admin: Signer): Charter {
  return openCharter(signDocument(genesisCodec, genesis, admin))
}

/** Opens a charter by replaying it. Throws as {@link charterState} does. */
export function openCharter(genesis: Signed, updates: readonly Signed[] = []): Charter {
  return { genesis, updates, state: charterState(genesis, updates) }
}

/** Signs one more update. Throws what every reader would: `charter.not-admin`, `charter.last-admin`, `charter.full`. */
export function amendCharter(charter: Charter, change: Change, admin: Signer, atWallMs: number): Charter {
  const { cluster, version, head } = charter.state
  const update = { cluster, version: version + 1, previous: head, atWallMs, change }
  return append(charter, [signDocument(updateCodec, update, admin)])
}

/**
 * Merges updates that a peer holds - all of them or the last ones, in order - into ours; gives back the same charter
 * when nothing is new. Throws `charter.gap` when updates in between are missing, and `charter.fork` when an admin
 * signed another update for a version that we hold: ours is kept, the facts are the evidence, and the admins have
 * to settle it. Otherwise throws as {@link charterState} does.
 */
export function mergeUpdates(charter: Charter, incoming: readonly Signed[]): Charter {
  if (incoming.length === 0 || signedDigest(incoming.at(-1)!) === charter.state.head) return charter
  const known = new Set(charter.updates.map(signedDigest))
  const fresh = incoming.filter((update) => !known.has(signedDigest(update)))
  const first = fresh[0]
  if (!first) return charter
  const { version } = openDocument(updateCodec, first).value
  if (version <= charter.state.version) throw fork(charter, version, first)
  if (version > charter.state.version + 1)
    throw peerError(
      'charter.gap',
      `expected update ${charter.state.version + 1} of the charter, found ${version}; ask for the ones before`,
      { version: charter.state.version + 1 },
    )
  return append(charter, fresh)
}

function append(charter: Charter, fresh: readonly Signed[]): Charter {
  const state = applyUpdates(charter.state, fresh)
  return { genesis: charter.genesis, updates: [...charter.updates, ...fresh], state }
}

/** `theirs` is another update `version` than ours: refused as it stands, unless an admin of that time signed it. */
function fork(charter: Charter, version: number, theirs: Signed): AividaError {
  const signer = accountIdOf(theirs.by)
  if (!charter.state.adminsEver.has(signer))
    throw peerError(
      'charter.not-admin',
      `update ${version} is signed by ${signer}, who was never an admin; it is refused`,
    )
  applyUpdates(charterState(charter.genesis, charter.updates.slice(0, version - 1)), [theirs])
  const evidence = { version, ours: signedDigest(charter.updates[version - 1]!), theirs: signedDigest(theirs) }
  return peerError(
    'charter.fork',
    `admins signed two different updates ${version} of the charter; this node keeps its own: ask them which one holds`,
    evidence,
  )
}
