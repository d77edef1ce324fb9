import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import {
  bytesSchema,
  type Codec,
  canonicalBytes,
  codec,
  type Random,
  systemRandom,
  userError,
} from '../../base/index.ts'
import { accountIdSchema } from '../../protocol/names.ts'
import { accountIdOf } from '../../protocol/signed.ts'
import { SecretKey } from './secret-key.ts'
import { textForm } from './text-form.ts'

/** Parameters of scrypt (RFC 7914); memory is 128 `n` `r` bytes: a backup that somebody else wrote may take 256 MiB. */
const costSchema = z
  .object({
    n: z
      .number()
      .int()
      .min(2)
      .max(2 ** 18)
      .refine((n) => (n & (n - 1)) === 0, 'expected a power of two'),
    r: z.number().int().min(1).max(8),
    p: z.number().int().min(1).max(4),
  })
  .refine(({ n, r }) => n < 2 ** (16 * r), 'expected n below 2 to the power of 16 r') // RFC 7914 section 2

/** See {@link backupAccount}. */
export type BackupCost = z.infer<typeof costSchema>

/** 128 MiB and some hundred ms a guess: OWASP's recommendation for scrypt. */
const DEFAULT_COST: BackupCost = { n: 2 ** 17, r: 8, p: 1 }
const MIN_PASSPHRASE_CHARACTERS = 8

const headerSchema = z.object({ account: accountIdSchema, cost: costSchema, salt: bytesSchema, iv: bytesSchema })
const backupSchema = headerSchema.extend({ sealed: bytesSchema, tag: bytesSchema })
const backupCodec: Codec<z.infer<typeof backupSchema>> = codec({
  name: 'account-backup',
  schema: backupSchema,
  maxBytes: 1024,
})
const backupText = textForm({ prefix: 'aivback1', what: 'an account backup', code: 'backup.malformed' })

/**
 * An account key under a passphrase, as one word to print or keep in a file: AES-256-GCM under scrypt(passphrase).
 * The account id stays readable. Throws `backup.passphrase-short`.
 */
export async function backupAccount(
  account: SecretKey,
  passphrase: string,
  options: { readonly random?: Random; readonly cost?: BackupCost } = {},
): Promise<string> {
  const { random = systemRandom, cost = DEFAULT_COST } = options
  if (passphrase.length < MIN_PASSPHRASE_CHARACTERS)
    throw userError(
      'backup.passphrase-short',
      `expected a passphrase of at least ${MIN_PASSPHRASE_CHARACTERS} characters, found ${passphrase.length}`,
    )
  const header = { account: accountIdOf(account.publicKey), cost, salt: random.bytes(16), iv: random.bytes(12) }
  const cipher = createCipheriv('aes-256-gcm', await stretch(passphrase, header), header.iv)
  cipher.setAAD(canonicalBytes(header))
  const sealed = Buffer.concat([cipher.update(account.exportSeed()), cipher.final()])
  return backupText.encode(backupCodec.encode({ ...header, sealed, tag: cipher.getAuthTag() }))
}

/** The account key in a backup. Throws `backup.malformed`, `backup.passphrase`, `encoding.*`. */
export async function restoreAccount(backup: string, passphrase: string): Promise<SecretKey> {
  const { sealed, tag, ...header } = backupCodec.decode(backupText.decode(backup))
  const key = await stretch(passphrase, header)
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, header.iv, { authTagLength: 16 })
    decipher.setAAD(canonicalBytes(header)).setAuthTag(tag)
    return new SecretKey(Buffer.concat([decipher.update(sealed), decipher.final()]))
  } catch {
    throw userError('backup.passphrase', `the passphrase does not open the backup of ${header.account}; try another`)
  }
}

const scryptAsync = promisify<string, Uint8Array, number, object, Buffer>(scrypt)

function stretch(passphrase: string, { cost, salt }: Pick<z.infer<typeof headerSchema>, 'cost' | 'salt'>) {
  const memory = 128 * cost.r * (cost.n + cost.p + 2) // what OpenSSL counts, which matters for the smallest costs
  const bytes = passphrase.normalize('NFKC') // the same words typed on another keyboard give the same key
  return scryptAsync(bytes, salt, 32, { N: cost.n, r: cost.r, p: cost.p, maxmem: memory })
}
