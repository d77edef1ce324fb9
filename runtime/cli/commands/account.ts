import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { userError } from '../../base/index.ts'
import { dataFolder } from '../../node/data-folder.ts'
import type { Cli, Session } from '../cli.ts'

/** `account create | link | approve | backup | restore`: whose the node is. Works on the data folder alone. */
export function accountCommands(cli: Cli): void {
  const group = cli.group('account', "whose this node is: what it earns and spends is an account's")
  const add = (init: Parameters<Cli['command']>[0]) => cli.command(init, group)
  add({
    usage: 'create',
    description: 'make an account key on this machine',
    async action(session) {
      const identity = await import('../../swarm/identity/index.ts')
      const path = dataFolder(session.config.dataDir).accountKey
      const key = identity.SecretKey.generate()
      await identity.writeKeyFile(path, 'account', key)
      const account = identity.keyId('account', key.publicKey)
      await leaveLink(session)
      session.print({ account, path }, `${account}\n`)
      session.note(`its key is in ${path}; keep a copy elsewhere: aivida account backup FILE`)
    },
  })
  add({
    usage: 'link <account-or-approval>',
    description: 'attach this node to an account on another machine: ask first, then take its approval',
    action: link,
  })
  add({
    usage: 'approve <request>',
    description: "on the account's machine: let a node that asked belong to the account",
    async action(session, [request]) {
      const identity = await import('../../swarm/identity/index.ts')
      const key = await identity.readKeyFile(dataFolder(session.config.dataDir).accountKey, 'account')
      const { node } = identity.readLinkRequest(request!)
      const approval = identity.approveLink(request!, key)
      session.print({ node, approval }, `${approval}\n`)
      session.note(`${node} may now earn and spend for this account; on that node: aivida account link APPROVAL`)
    },
  })
  add({
    usage: 'backup <file>',
    description: 'write the account key to a file, under a passphrase',
    async action(session, [file]) {
      const identity = await import('../../swarm/identity/index.ts')
      const path = resolve(session.io.cwd, file!)
      const key = await identity.readKeyFile(dataFolder(session.config.dataDir).accountKey, 'account')
      if (existsSync(path)) throw userError('backup.exists', `${path} is there already; choose another name`)
      const backup = await identity.backupAccount(key, await passphrase(session))
      await writeFile(path, `${backup}\n`, { mode: 0o600, flag: 'wx' })
      session.print({ path }, `${path}\n`)
    },
  }).option('--passphrase-file <file>', 'read the passphrase from the first line of a file')
  add({
    usage: 'restore <file>',
    description: 'bring an account key back from a backup',
    async action(session, [file]) {
      const identity = await import('../../swarm/identity/index.ts')
      const backup = await readFile(resolve(session.io.cwd, file!), 'utf8')
      const key = await identity.restoreAccount(backup, await passphrase(session))
      await identity.writeKeyFile(dataFolder(session.config.dataDir).accountKey, 'account', key)
      const account = identity.keyId('account', key.publicKey)
      await leaveLink(session)
      session.print({ account }, `${account}\n`)
    },
  }).option('--passphrase-file <file>', 'read the passphrase from the first line of a file')
}

/** An account id makes a request; the approval that comes back for it attaches the node. */
async function link(session: Session, [word]: readonly string[]): Promise<void> {
  const identity = await import('../../swarm/identity/index.ts')
  const folder = dataFolder(session.config.dataDir)
  const node = await identity.loadOrCreateKey(folder.nodeKey, 'node')
  if (word!.startsWith('ac_')) {
    const request = identity.requestLink(word!, { issuedWallMs: Math.floor(session.io.clock.wallMs()) }, node)
    session.print({ request }, `${request}\n`)
    session.note("on the account's machine: aivida account approve REQUEST; then here: aivida account link APPROVAL")
    return
  }
  if (!word!.startsWith('aivyes1'))
    throw userError(
      'link.malformed',
      'expected an account id (ac_...) to ask, or the approval (aivyes1...) that came back',
    )
  const proof = identity.acceptLink(word!.trim(), node)
  const { account } = identity.openProposal(proof.node)
  await writeFile(folder.binding, identity.bindingProofCodec.encode(proof), { mode: 0o600 })
  session.print({ account }, `this node belongs to ${account}; a running node takes it over when it is started again\n`)
  const own = await ownAccount(folder.accountKey)
  if (own !== undefined && own !== account)
    session.note(
      `its own account ${own} keeps its jobs and what it has earned, and its key stays in ${folder.accountKey}; back to it, by the same three steps: aivida account link ${own}`,
    )
}

/** The account whose key lies here, if one does. */
async function ownAccount(path: string): Promise<string | undefined> {
  const identity = await import('../../swarm/identity/index.ts')
  if (!existsSync(path)) return undefined
  return identity.keyId('account', (await identity.readKeyFile(path, 'account')).publicKey)
}

/** A link goes before a key: whoever brings a key here means that account from now on. */
async function leaveLink(session: Session): Promise<void> {
  const identity = await import('../../swarm/identity/index.ts')
  const { binding } = dataFolder(session.config.dataDir)
  if (!existsSync(binding)) return
  const { account } = identity.openProposal(identity.bindingProofCodec.decode(await readFile(binding)).node)
  await rm(binding)
  session.note(`this node was linked to ${account}; it no longer is once it is started again`)
}

async function passphrase({ io, options }: Session): Promise<string> {
  const file = options.passphraseFile
  if (typeof file === 'string') return (await readFile(resolve(io.cwd, file), 'utf8')).split('\n')[0]!.trimEnd()
  const typed = await io.askSecret('passphrase: ')
  if (typed === undefined)
    throw userError('backup.no-passphrase', 'expected somebody at a terminal to type the passphrase, found none', {
      remedy: 'pass --passphrase-file FILE',
    })
  return typed
}
