/** Each check, on a machine where one thing is broken: how bad it is, what is said, and what to do. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, timedOut, userError } from '../../../runtime/base/index.ts'
import { CHECKS, type Finding, type Machine, type Patient } from '../../../runtime/node/doctor/index.ts'
import type { NetworkView } from '../../../runtime/protocol/index.ts'
import { accountIdOf } from '../../../runtime/protocol/index.ts'
import { completeBinding, proposeBinding, SecretKey } from '../../../runtime/swarm/identity/index.ts'
import { fakeMachine, NOW, patient, runningNode, settings, standing } from '../../support/fake-machine.ts'
import { FAKE_PEER } from '../../support/fake-node-service.ts'

const test = suite('checks')
const never = new AbortController().signal

async function found(name: string, sick: Patient): Promise<readonly Finding[]> {
  const check = CHECKS.flat().find((each) => each.name === name)!
  return check.run(sick, never)
}

/** One finding: its level, its words, and what to try. */
async function finds(name: string, sick: Patient, level: Finding['level'], message: RegExp, remedy?: RegExp) {
  const findings = await found(name, sick)
  const fitting = findings.find((finding) => finding.level === level && message.test(finding.message))
  assert.ok(fitting, `${name}: expected ${level} ${message}, found ${JSON.stringify(findings)}`)
  if (remedy) assert.match(fitting.remedy ?? '', remedy)
  for (const { level, message, remedy } of findings) {
    assert.is(message.includes('undefined'), false, message)
    if (level === 'ok' || level === 'skipped') assert.is(remedy, undefined)
  }
}

function failing(errno: string, message = errno): () => Promise<never> {
  return async () => {
    throw Object.assign(new Error(message), { code: errno })
  }
}

async function connected(network: Partial<NetworkView>) {
  const info = await runningNode()
  return runningNode({ network: { ...info.network, ...network } })
}

test('on a healthy machine every check is content, whether or not a node runs', async () => {
  for (const node of [
    undefined,
    await connected({ connected: 2, reachable: 2, known: 2, carrier: 'quic', clockSkewMs: 12 }),
  ])
    for (const { name } of CHECKS.flat())
      for (const { level, message } of await found(name, patient({}, { node })))
        assert.ok(level === 'ok' || level === 'skipped', `${name}: ${level} ${message}`)
})

test('versions: an old Node, no engine, no QUIC, no image library', async () => {
  const software = { ...fakeMachine().software, node: '22.1.0' }
  await finds('versions', patient({ software }), 'broken', /Node 22\.1\.0 .* needs 24/, /newer Node/)
  const without = (name: string) => ({ packageVersion: (each: string) => (each === name ? undefined : '1.0.0') })
  await finds('versions', patient(without('onnxruntime-node')), 'broken', /engine, is not installed for linux-x64/)
  await finds('versions', patient(without('sharp')), 'warning', /images cannot be read/)
  await finds('versions', patient({ quicProblem: () => 'not found' }), 'warning', /not found.*TCP/, /--omit=optional/)
  const submitter = { config: settings({ role: 'submitter' }) }
  await finds('versions', patient(without('onnxruntime-node'), submitter), 'ok', /aivida 0\.1\.0/)
})

test('settings: what is wrong with them', async () => {
  const configError = new AividaError({ code: 'config.invalid', category: 'config', message: 'slots: found 0' })
  await finds('settings', patient({}, { configError }), 'broken', /slots: found 0/, /config describe/)
})

test('node: another version, ending, not answering, not a socket, a leftover', async () => {
  await finds(
    'node',
    patient({}, { node: await runningNode({ version: '0.0.9' }) }),
    'warning',
    /0\.0\.9.*0\.1\.0/,
    /stop/,
  )
  await finds('node', patient({}, { node: await runningNode({ accepting: false }) }), 'warning', /ending/)
  await finds('node', patient({}, { nodeError: timedOut('it', 5) }), 'broken', /does not answer/, /end its process/)
  for (const code of ['control.malformed', 'control.version'])
    await finds('node', patient({}, { nodeError: userError(code, 'x') }), 'broken', /another version/, /aivida stop/)
  const nodeError = userError('node.not-running', 'none')
  await finds(
    'node',
    patient({ kindOf: async () => 'other' }, { nodeError }),
    'broken',
    /found a file/,
    /--socket-path/,
  )
  await finds('node', patient({ kindOf: async () => 'socket' }, { nodeError }), 'skipped', /takes it away/)
  await finds('node', patient({}, { nodeError }), 'skipped', /start it: aivida up/)
  const open = userError('socket.forbidden', 'it belongs to another user', { remedy: 'run as that one' })
  await finds('node', patient({}, { nodeError: open }), 'broken', /another user/, /run as that one/)
})

test('disk: not writable, full, small, slow, over budget, on a network, in memory', async () => {
  const space = (freeBytes: number, type = 0xef53) => ({
    fileSystem: async () => ({ freeBytes, totalBytes: 2 ** 40, type }),
  })
  await finds('disk', patient({ trialWrite: failing('EACCES') }), 'broken', /nothing can be written/, /permissions/)
  await finds('disk', patient({ trialWrite: failing('ENOSPC') }), 'broken', /it is full/, /free some space/)
  await finds('disk', patient({ trialWrite: failing('EROFS') }), 'broken', /nothing can be written/)
  await finds(
    'disk',
    patient({ trialWrite: failing('ENOTDIR', '/a is a file') }),
    'broken',
    /cannot be made: \/a is a file/,
  )
  await finds('disk', patient(space(2 ** 20)), 'broken', /1 MiB are free/, /--data-dir/)
  await finds(
    'disk',
    patient(space(5 * 2 ** 30)),
    'warning',
    /would take 14\.0 GiB more/,
    /--disk-budget-bytes 6144MiB/,
  )
  await finds('disk', patient({ usedBytes: async () => 30 * 2 ** 30 }), 'warning', /more than the budget/)
  await finds('disk', patient({ usedBytes: async () => undefined }), 'ok', /100\.0 GiB free/)
  await finds('disk', patient({ trialWrite: async () => ({ syncMs: 480, skewMs: 0 }) }), 'warning', /takes 480 ms/)
  for (const type of [0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997])
    await finds('disk', patient(space(2 ** 40, type)), 'warning', /network file system/, /local disk/)
  await finds('disk', patient(space(2 ** 40, 0x01021994)), 'warning', /in memory \(tmpfs\)/)
})

test('cluster: none, damaged, a membership that does not count, an unreadable folder', async () => {
  await finds('cluster', patient({ standing: async () => standing({ cluster: undefined }) }), 'skipped', /aivida join/)
  const ended = standing({ refusal: 'the membership ended' })
  await finds('cluster', patient({ standing: async () => ended }), 'broken', /lab does not count.*ended/, /ticket/)
  await finds('cluster', patient({ standing: failing('ENOTDIR') }), 'skipped', /see the disk/)
})

test('account: none, for a submitter; a proof of another cluster, or one that has ended', async () => {
  const none = { standing: async () => standing({ ownAccount: undefined }) }
  await finds(
    'account',
    patient(none, { config: settings({ role: 'submitter' }) }),
    'warning',
    /cannot submit/,
    /account link/,
  )
  await finds('account', patient(none), 'ok', /submits nothing/)
  await finds(
    'account',
    patient({ standing: async () => standing({ cluster: undefined }) }),
    'skipped',
    /needs no account/,
  )
  await finds('account', patient({ standing: failing('EACCES') }), 'skipped', /see above/)
  const [node, account] = [SecretKey.generate(), SecretKey.generate()]
  const proofs = [
    [{ issuedWallMs: 1, expiresWallMs: NOW - 1 }, /ended/],
    [{ issuedWallMs: 1, cluster: 'd'.repeat(64) }, /in cluster/],
  ] as const
  for (const [terms, words] of proofs) {
    const binding = completeBinding(proposeBinding(accountIdOf(account.publicKey), terms, node), account)
    await finds('account', patient({ standing: async () => standing({ binding }) }), 'broken', words, /account link/)
  }
})

test('clock: against other nodes, against the cluster, against the disk, before all releases', async () => {
  const skewed = async (clockSkewMs: number) => patient({}, { node: await connected({ clockSkewMs }) })
  await finds('clock', await skewed(45_000), 'warning', /45 s ahead/, /timedatectl/)
  await finds('clock', await skewed(-3_600_000), 'broken', /60 min behind.*expired/)
  await finds('clock', await skewed(-400), 'ok', /within 400 ms/)
  await finds('clock', patient({ wallMs: () => 0 }), 'broken', /1970-01-01/)
  const ahead = async () => standing({ newestWallMs: NOW + 3_600_000 })
  await finds('clock', patient({ standing: ahead }), 'broken', /behind.*2026-11-25 01:00/)
  const disk = { trialWrite: async () => ({ syncMs: 1, skewMs: -90_000 }) }
  await finds('clock', patient(disk), 'warning', /disk dates files 90 s behind/)
  await finds('clock', patient({ standing: failing('EACCES'), trialWrite: failing('EACCES') }), 'ok', /2026-11-25/)
})

test('ports: taken and by whom, not ours, not allowed, nowhere, nonsense', async () => {
  const config = settings({ listen: ['/ip4/0.0.0.0/udp/4001/quic-v1', '/ip4/0.0.0.0/tcp/4001'] })
  const holder: Machine['holder'] = ({ protocol }) => (protocol === 'udp' ? '"game" (pid 7)' : undefined)
  const taken = patient({ bind: failing('EADDRINUSE'), holder }, { config })
  await finds('ports', taken, 'broken', /UDP port 4001 of 0\.0\.0\.0 is taken by "game" \(pid 7\)/, /--listen/)
  await finds('ports', taken, 'broken', /TCP port 4001 of 0\.0\.0\.0 is taken by another program/, /ss -lnp/)
  await finds('ports', patient({ bind: failing('EADDRNOTAVAIL') }, { config }), 'broken', /does not have/, /--announce/)
  await finds('ports', patient({ bind: failing('EACCES') }, { config }), 'broken', /may not listen/, /1024/)
  await finds('ports', patient({ bind: failing('EIO', 'odd') }, { config }), 'broken', /odd/)
  await finds('ports', patient({}, { config: settings({ listen: [] }) }), 'warning', /listens nowhere/)
  const odd = settings({ listen: ['/dns4/x/tcp/1'] })
  await finds('ports', patient({}, { config: odd }), 'broken', /no address to listen on/)
  const metrics = patient(
    { bind: failing('EADDRINUSE') },
    { config: settings({ metricsPort: 9090, listen: ['/ip4/127.0.0.1/tcp/0'] }) },
  )
  await finds('ports', metrics, 'broken', /9090/, /--metrics-port/)
  await finds('ports', patient({}, { node: await runningNode({ addresses: [] }) }), 'broken', /listens nowhere/)
  await finds(
    'ports',
    patient({}, { node: await runningNode() }),
    'ok',
    /listens on \/ip4\/192\.0\.2\.7\/udp\/4001\/quic-v1$/,
  )
})

test('udp: blocked on loopback, filtered on the own address, no address at all, not wanted', async () => {
  const silent =
    (host: string): Machine['echoUdp'] =>
    async (at) => {
      if (at === host) throw timedOut('a datagram to this machine itself', 1_000)
    }
  await finds('udp', patient({ echoUdp: silent('127.0.0.1') }), 'broken', /not even to itself/, /firewall/)
  await finds('udp', patient({ echoUdp: silent('192.0.2.7') }), 'warning', /192\.0\.2\.7 does not arrive/, /allow UDP/)
  await finds('udp', patient({ ownAddress: () => undefined }), 'warning', /but its loopback/)
  const tcp = settings({ listen: ['/ip4/0.0.0.0/tcp/4001'] })
  await finds('udp', patient({ echoUdp: silent('127.0.0.1') }, { config: tcp }), 'skipped', /TCP only/)
})

test('seeds: down, reached over TCP alone, without a peer, of a ticket; as a running node tells', async () => {
  const both = ['udp/4001/quic-v1', 'tcp/4001'].map((port) => `/ip4/192.0.2.9/${port}/p2p/${FAKE_PEER}`)
  const known = { knownAddresses: async () => both }
  const down: Machine['dial'] = async (_, carrier) => {
    if (carrier === 'quic') throw timedOut('its answer', 4_000)
    throw new Error('connect ECONNREFUSED 192.0.2.9:4001')
  }
  const noUdp: Machine['dial'] = async (_, carrier) => {
    if (carrier === 'quic') throw timedOut('its answer', 4_000)
  }
  const words = /192\.0\.2\.9.*QUIC: no answer in 4 s; TCP: refused, nothing listens there/
  await finds('seeds', patient({ ...known, dial: down }), 'broken', words, /firewall/)
  await finds('seeds', patient({ ...known, dial: noUdp }), 'warning', /UDP does not get through/, /let UDP through/)
  await finds('seeds', patient(known), 'ok', /1 of 1 answered/)
  const seeds = [{ address: both[0]!, source: 'ticket' as const }]
  await finds('seeds', patient({ dial: down }, { seeds }), 'broken', /none of 1 seeds/)
  const nameless = settings({ seeds: ['/ip4/192.0.2.9/tcp/1'] })
  await finds('seeds', patient({}, { config: nameless }), 'broken', /names no peer/, /p2p\/PEER/)

  const seed = { address: both[0]!, source: 'config' as const, lastError: { code: 'x', message: 'no answer' } }
  const alone = await connected({ connected: 0, seeds: [seed] })
  await finds('seeds', patient({}, { node: alone }), 'broken', /none of 1 seeds.*no answer/)
  const amid = await connected({ connected: 3, carrier: 'quic', seeds: [seed] })
  await finds('seeds', patient({}, { node: amid }), 'warning', /seed \/ip4.*no answer/, /--seeds/)
  const old = await connected({ connected: 3, carrier: 'quic', seeds: [{ ...seed, source: 'cached' }] })
  await finds('seeds', patient({}, { node: old }), 'ok', /do no harm/)
})

test('island: alone, in a minority', async () => {
  const island = (kind: 'alone' | 'minority') =>
    connected({ known: 5, island: { kind, sinceWallMs: NOW, message: 'cut off since noon' } })
  await finds('island', patient({}, { node: await island('alone') }), 'broken', /cut off since noon/, /seeds above/)
  await finds('island', patient({}, { node: await island('minority') }), 'warning', /cut off since noon/)
  await finds('island', patient(), 'skipped', /running node/)
})

test('engine and class: a child that fails, a class that is not exact, a submitter', async () => {
  const dead = { tryEngine: failing('x', 'the child died'), determinism: failing('x', 'the child died') }
  await finds('engine', patient(dead), 'broken', /the child died/, /npm install/)
  await finds('class', patient(dead), 'skipped', /the child died/)
  const inexact = { determinism: async () => ({ determinismClass: 'c', exact: false }) }
  await finds('class', patient(inexact), 'warning', /not exact/, /--threads-per-slot/)
  const submitter = { config: settings({ role: 'submitter' }) }
  for (const name of ['engine', 'class']) await finds(name, patient(dead, submitter), 'skipped', /no shards/)
})

test.run()
