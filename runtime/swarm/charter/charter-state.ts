import { assertNever, type Digest, limit, peerError, userError } from '../../base/index.ts'
import { accountIdOf, openDocument, peerIdOf, type Signed, signedDigest } from '../../protocol/signed.ts'
import { type AdmissionMode, type Change, genesisCodec, type Terms, updateCodec } from './charter-document.ts'

/** What a charter says at one version. */
export interface CharterState {
  /** The cluster's id: the hash of its signed genesis. */
  readonly cluster: Digest
  readonly name: string
  readonly createdWallMs: number
  readonly admission: AdmissionMode
  readonly terms: Terms
  /** Account ids. */
  readonly admins: ReadonlySet<string>
  /** Account ids of those who are or were admins: whose word on an old version is worth a look. */
  readonly adminsEver: ReadonlySet<string>
  /** Peer and account ids that may invite and admit. */
  readonly delegates: ReadonlySet<string>
  /** Former admins and delegates: what they signed as such, dated before this wall time, stays good. */
  readonly retired: ReadonlyMap<string, number>
  /** Peer and account ids. */
  readonly removed: ReadonlySet<string>
  /** Number of updates applied. */
  readonly version: number
  /** Hash of the last document applied: what the next update names as `previous`. */
  readonly head: Digest
}

/**
 * Replays a charter from its documents. Throws `charter.genesis`, `charter.order`, `charter.not-admin`,
 * `charter.last-admin`, `charter.other-cluster`, `charter.full`, `signature.*`, `encoding.*`.
 */
export function charterState(genesis: Signed, updates: readonly Signed[] = []): CharterState {
  return applyUpdates(openGenesis(genesis), updates)
}

/** The state after further updates; `state` itself stays as it is. Throws as {@link charterState} does. */
export function applyUpdates(state: CharterState, updates: readonly Signed[]): CharterState {
  const draft: Draft = {
    ...state,
    admins: new Set(state.admins),
    adminsEver: new Set(state.adminsEver),
    delegates: new Set(state.delegates),
    retired: new Map(state.retired),
    removed: new Set(state.removed),
  }
  for (const update of updates) advance(draft, update)
  return draft
}

/** Whether the key may invite and admit by a document dated `atWallMs`. */
export function mayAdmit(state: CharterState, key: Uint8Array, atWallMs: number): boolean {
  const ids = [accountIdOf(key), peerIdOf(key)]
  return ids.some((id) => state.admins.has(id) || state.delegates.has(id) || (state.retired.get(id) ?? 0) > atWallMs)
}

interface Draft extends CharterState {
  admission: AdmissionMode
  terms: Terms
  readonly admins: Set<string>
  readonly adminsEver: Set<string>
  readonly delegates: Set<string>
  readonly retired: Map<string, number>
  readonly removed: Set<string>
  version: number
  head: Digest
}

function openGenesis(genesis: Signed): CharterState {
  const { value, by } = openDocument(genesisCodec, genesis)
  const { name, createdWallMs, admission, terms } = value
  if (!value.admins.includes(accountIdOf(by)))
    throw peerError('charter.genesis', `the genesis is signed by ${accountIdOf(by)}, who is not one of its admins`)
  const cluster = signedDigest(genesis)
  return {
    ...{ cluster, name, createdWallMs, admission, terms },
    admins: new Set(value.admins),
    adminsEver: new Set(value.admins),
    delegates: new Set(value.delegates),
    retired: new Map(),
    removed: new Set(),
    version: 0,
    head: cluster,
  }
}

/** Applies one update to the draft, or throws; a draft that threw is thrown away. */
function advance(draft: Draft, signed: Signed): void {
  const { value, by } = openDocument(updateCodec, signed)
  if (value.cluster !== draft.cluster)
    throw peerError('charter.other-cluster', `the update is for cluster ${value.cluster}, this is ${draft.cluster}`)
  if (value.version !== draft.version + 1 || value.previous !== draft.head)
    throw peerError(
      'charter.order',
      `expected update ${draft.version + 1} after ${draft.head}, found update ${value.version} after ${value.previous}`,
    )
  if (draft.version >= limit('charterUpdates'))
    throw userError('charter.full', `the charter holds ${draft.version} updates, the most allowed; found a new cluster`)
  if (!draft.admins.has(accountIdOf(by)))
    throw peerError(
      'charter.not-admin',
      `update ${value.version} is signed by ${accountIdOf(by)}, who is not an admin then; ask one to sign it`,
    )
  applyChange(draft, value.change, value.atWallMs)
  draft.version = value.version
  draft.head = signedDigest(signed)
}

function applyChange(draft: Draft, change: Change, atWallMs: number): void {
  switch (change.type) {
    case 'add-admin':
      appoint(draft, draft.admins, change.admin)
      draft.adminsEver.add(change.admin)
      break
    case 'remove-admin':
      if (draft.admins.size === 1 && draft.admins.has(change.admin))
        throw userError('charter.last-admin', `${change.admin} is the only admin; add another one first`)
      dismiss(draft, draft.admins, change.admin, change.signedBefore, atWallMs)
      break
    case 'add-delegate':
      appoint(draft, draft.delegates, change.delegate)
      break
    case 'remove-delegate':
      dismiss(draft, draft.delegates, change.delegate, change.signedBefore, atWallMs)
      break
    case 'admission':
      draft.admission = change.admission
      break
    case 'remove-member':
      draft.removed.add(change.member)
      dismiss(draft, draft.delegates, change.member, 'keep', atWallMs) // who is out lets nobody in
      break
    case 'readmit-member':
      draft.removed.delete(change.member)
      break
    case 'terms':
      draft.terms = { ...draft.terms, ...change.terms }
      break
    default:
      assertNever(change)
  }
}

function appoint(draft: Draft, role: Set<string>, id: string): void {
  role.add(id)
  draft.retired.delete(id)
  if (role.size > limit('admins'))
    throw userError('charter.full', `a charter names up to ${limit('admins')} keys of this kind; remove one first`)
}

/** Also voids what a key that was dismissed earlier had been left. */
function dismiss(draft: Draft, role: Set<string>, id: string, signedBefore: 'keep' | 'void', atWallMs: number): void {
  const held = role.delete(id)
  if (signedBefore === 'void') draft.retired.delete(id)
  else if (held) draft.retired.set(id, atWallMs)
}
