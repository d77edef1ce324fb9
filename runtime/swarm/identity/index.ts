/**
 * Who is who: the Ed25519 keys of nodes and accounts, the files they lie in, and the proofs that a node belongs to an
 * account. A node key is a machine's; an account key is a person's, and needs to lie on one machine only.
 */
export * from './account-backup.ts'
export * from './account-link.ts'
export * from './binding.ts'
export * from './key-file.ts'
export { SecretKey } from './secret-key.ts'
export * from './text-form.ts'
