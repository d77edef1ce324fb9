import { constants, type Stats } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AividaError, isAividaError, type Random, userError } from '../../base/index.ts'
import { accountIdOf, peerIdOf } from '../../protocol/signed.ts'
import { SecretKey } from './secret-key.ts'

/** Whose key a file holds. */
export type KeyPurpose = 'node' | 'account'

const VERSION = 1
const MAX_BYTES = 1024
const FORM = /^aivida-key\/(\d{1,6}) (\w+) (\S+) ([0-9a-f]{64})\n?$/

/** The public name of a key: a peer id for a node, an account id for an account. */
export function keyId(purpose: KeyPurpose, publicKey: Uint8Array): string {
  return purpose === 'node' ? peerIdOf(publicKey) : accountIdOf(publicKey)
}

/**
 * Writes a key to a new file, mode 0600: `aivida-key/1 <purpose> <public id> <seed, hex>`. Never overwrites.
 * Throws `key.exists`.
 */
export async function writeKeyFile(path: string, purpose: KeyPurpose, key: SecretKey): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const handle = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST')
      throw userError('key.exists', `${path} is there already; a key is never overwritten: move it away first`)
    throw error
  })
  try {
    const seed = Buffer.from(key.exportSeed()).toString('hex')
    await handle.writeFile(`aivida-key/${VERSION} ${purpose} ${keyId(purpose, key.publicKey)} ${seed}\n`)
    await handle.sync()
  } catch (error) {
    await rm(path, { force: true }) // half a key would be taken for a damaged one
    throw error
  } finally {
    await handle.close()
  }
}

/**
 * Reads a key file that only its owner can read. Throws `key.missing`, `key.readable` (mode looser than 0600),
 * `key.owner` (another user's), `key.version`, `key.purpose`, `key.damaged`.
 */
export async function readKeyFile(path: string, purpose: KeyPurpose): Promise<SecretKey> {
  const handle = await open(path, constants.O_RDONLY).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw missing(path, purpose)
    throw error
  })
  try {
    const stat = await handle.stat() // of the open file, so that nobody can swap it between check and read
    const refused = keyFileRefusal(path, stat, process.getuid?.())
    if (refused) throw refused
    const text = stat.size <= MAX_BYTES ? await handle.readFile('utf8') : ''
    return parseKey(path, purpose, text)
  } finally {
    await handle.close()
  }
}

function missing(path: string, purpose: KeyPurpose): AividaError {
  const remedy = purpose === 'account' ? '; make one (aivida account create), or go where the key lies' : ''
  return userError('key.missing', `expected the ${purpose} key at ${path}, found no file${remedy}`)
}

/** The key at `path`, made there first when no file exists. Throws as {@link readKeyFile} does. */
export async function loadOrCreateKey(path: string, purpose: KeyPurpose, random?: Random): Promise<SecretKey> {
  try {
    return await readKeyFile(path, purpose)
  } catch (error) {
    if (!isAividaError(error, 'key.missing')) throw error
  }
  const key = SecretKey.generate(random)
  await writeKeyFile(path, purpose, key)
  return key
}

/** Why a file with this owner and mode must not serve as a key of user `uid`; Windows has neither (`uid` undefined). */
export function keyFileRefusal(
  path: string,
  stat: Pick<Stats, 'mode' | 'uid'>,
  uid: number | undefined,
): AividaError | undefined {
  if (uid === undefined) return undefined
  if (stat.uid !== uid)
    return userError(
      'key.owner',
      `${path} belongs to user ${stat.uid}, and this process runs as user ${uid}; run as that user, or: chown ${uid} '${path}'`,
    )
  const mode = stat.mode & 0o777
  if ((mode & 0o077) !== 0)
    return userError(
      'key.readable',
      `${path} has mode 0${mode.toString(8)}, so other users can reach a secret key; expected 0600: chmod 600 '${path}'`,
    )
  return undefined
}

function parseKey(path: string, purpose: KeyPurpose, text: string): SecretKey {
  const found = FORM.exec(text)
  if (!found)
    throw userError(
      'key.damaged',
      `${path} holds no key in a form known here; restore it from a backup or move it away`,
    )
  const [, version, foundPurpose, id, seed] = found
  if (Number(version) !== VERSION)
    throw userError(
      'key.version',
      `${path} is a key file of version ${version}; ${VERSION} is known here: update aivida`,
    )
  if (foundPurpose !== purpose)
    throw userError('key.purpose', `expected a ${purpose} key at ${path}, found a ${foundPurpose} key`)
  const key = new SecretKey(Buffer.from(seed!, 'hex'))
  if (keyId(purpose, key.publicKey) !== id)
    throw userError('key.damaged', `${path} names ${id} but holds another key; restore it from a backup`)
  return key
}
