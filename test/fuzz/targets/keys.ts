/** What people paste or keep: keys, links between nodes and accounts, backups, settings. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig, seededRandom, silentLogger } from '../../../runtime/base/index.ts'
import { plainLine } from '../../../runtime/base/logging.ts'
import { keptPorts } from '../../../runtime/node/cluster/kept-ports.ts'
import { knownPeers } from '../../../runtime/node/cluster/known-peers.ts'
import { peerIdOf, publicKeyOf, signedCodec } from '../../../runtime/protocol/index.ts'
import { FileTicketLedger } from '../../../runtime/swarm/charter/index.ts'
import {
  acceptLink,
  approveLink,
  backupAccount,
  bindingProofCodec,
  openBinding,
  readKeyFile,
  readLinkRequest,
  requestLink,
  restoreAccount,
  textForm,
  writeKeyFile,
} from '../../../runtime/swarm/identity/index.ts'
import { memoryDisk } from '../../support/memory-disk.ts'
import { alice, DAY, deputy, NOW } from '../../swarm/charter/sample-cluster.ts'
import { accountOf, peerOf } from '../../swarm/identity/sample-keys.ts'
import { binding, charter } from '../documents.ts'
import { codecTarget, reread, resign, type Sample, type Target } from '../target.ts'

const folder = mkdtempSync(join(tmpdir(), 'aivida-fuzz-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const utf8 = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
/** The forms' own checksums, over whatever is put in. */
const words = (prefix: string) => textForm({ prefix, what: 'a word', code: 'word.malformed' })

/** A word altered as it stands, and in the bytes that it stands for. */
function wordSamples(word: string, prefix: string): Sample[] {
  const form = words(prefix)
  return [
    { bytes: Buffer.from(word) },
    { bytes: form.decode(word), seal: (bytes) => Buffer.from(form.encode(bytes.subarray(0, 800))) },
  ]
}

const link = requestLink(accountOf(deputy), { issuedWallMs: NOW, expiresWallMs: NOW + DAY }, alice)
const asked = signedCodec.decode(words('aivlink1').decode(link))
const backup = await backupAccount(deputy, 'correct horse', { random: seededRandom(1), cost: { n: 2, r: 1, p: 1 } })
const keyFile = join(folder, 'node.key')
await writeKeyFile(keyFile, 'node', alice)
const seedHex = Buffer.from(alice.exportSeed()).toString('hex')

const SETTINGS = {
  v: 1,
  name: 'lab',
  role: 'both',
  listen: ['/ip4/0.0.0.0/udp/0/quic-v1'],
  mdns: true,
  slots: 'auto',
  diskBudgetBytes: '20GiB',
  metricsPort: 9_090,
}

/** See the head of this file. */
export const keyTargets: readonly Target[] = [
  {
    name: 'peer-id',
    executions: 300,
    samples: [{ bytes: Buffer.from(peerOf(alice)) }],
    decode(bytes) {
      const id = utf8(bytes)
      if (peerIdOf(publicKeyOf(id)) !== id) throw new Error('another id for the same key')
    },
  },
  {
    name: 'key-file',
    samples: ['1 node', '1 account', '2 node'].map((head) => ({
      bytes: Buffer.from(`aivida-key/${head} ${peerOf(alice)} ${seedHex}\n`),
    })),
    async decode(bytes) {
      writeFileSync(keyFile, bytes)
      chmodSync(keyFile, 0o600)
      await readKeyFile(keyFile, 'node').catch((error) => {
        if (String(error.message).includes(seedHex)) throw new Error('a secret was told')
        throw error
      })
    },
  },
  {
    name: 'link-request',
    samples: [
      ...wordSamples(link, 'aivlink1'),
      {
        bytes: asked.body,
        seal: (body) =>
          Buffer.from(words('aivlink1').encode(signedCodec.encode(resign(asked, body, alice)).subarray(0, 800))),
      },
    ],
    decode(bytes) {
      readLinkRequest(utf8(bytes))
      approveLink(utf8(bytes), deputy)
    },
  },
  {
    name: 'link-approval',
    samples: wordSamples(approveLink(link, deputy), 'aivyes1'),
    decode: (bytes) => acceptLink(utf8(bytes), alice),
  },
  codecTarget(bindingProofCodec, [binding], {
    covers: ['binding-proof', 'binding'],
    decode: (bytes) => openBinding(reread(bindingProofCodec, bytes), charter.state.cluster, NOW),
  }),
  {
    name: 'account-backup',
    samples: wordSamples(backup, 'aivback1'),
    cost: { perByte: 256, constant: 300 << 20 }, // stretching a passphrase takes memory by intent
    decode: (bytes) => restoreAccount(utf8(bytes), 'correct horse'),
  },
  {
    name: 'settings',
    samples: [{ bytes: Buffer.from(JSON.stringify(SETTINGS)) }],
    categories: ['config'],
    decode: (bytes) =>
      loadConfig({
        system: { home: '/home/ada', cwd: '/', platform: 'linux' },
        file: { path: 'config.json', text: utf8(bytes) },
      }),
  },
  {
    name: 'known-peers',
    takesAll: true,
    samples: [{ bytes: Buffer.from(JSON.stringify({ v: 1, addresses: ['/ip4/127.0.0.1/tcp/1', '/dns4/a/tcp/2'] })) }],
    async decode(bytes) {
      const file = join(folder, 'peers.json')
      writeFileSync(file, bytes)
      const { seeds } = await knownPeers(file, [])
      if (seeds.some(({ address }) => typeof address !== 'string')) throw new Error('an address that is no text')
    },
  },
  {
    name: 'kept-ports',
    takesAll: true,
    samples: [{ bytes: Buffer.from(JSON.stringify({ v: 1, ports: { '/ip4/127.0.0.1/tcp/0': 40_001 } })) }],
    async decode(bytes) {
      const file = join(folder, 'ports.json')
      writeFileSync(file, bytes)
      const port = (await keptPorts(file, silentLogger)).portOf('/ip4/127.0.0.1/tcp/0') ?? 1
      if (!(port >= 1 && port <= 65_535)) throw new Error(`a port that is none: ${port}`)
    },
  },
  {
    name: 'ticket-ledger',
    samples: [
      { bytes: Buffer.from(`{"v":1,"ticket":"nonce","peer":"${peerOf(alice)}"}\n`.repeat(3)) },
      { bytes: Buffer.from('{"v":1,"ticket":"__proto__","peer":"constructor"}\n{"v":1') },
    ],
    async decode(bytes) {
      const disk = memoryDisk()
      const file = await disk.open('/ledger', 'new')
      await file.write(bytes, 0)
      await (await FileTicketLedger.open('/ledger', disk)).close()
    },
  },
  {
    name: 'log-line',
    takesAll: true,
    samples: [{ bytes: Buffer.from('{"level":"warn","time":"2026-01-01T00:00:00.000Z","peer":"x","message":"hi"}') }],
    decode(bytes) {
      const line = plainLine(utf8(bytes))
      if (/\p{Cc}/u.test(line.slice(0, -1))) throw new Error('a line that steers a terminal')
    },
  },
]
