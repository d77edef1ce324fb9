import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { describeReport } from '../../runtime/cli/commands/doctor.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import { reportSchema } from '../../runtime/node/doctor/index.ts'
import { sampleCharter, sampleTicket } from '../swarm/charter/sample-cluster.ts'
import { aivida, scratch } from './command-line.ts'

const FLAGS = ['--role', 'submitter', '--no-mdns']
const FREE = ['--listen', '/ip4/127.0.0.1/udp/0/quic-v1']

test('a machine that is well exits with 0, and as JSON keeps to its schema', async () => {
  using dir = scratch()
  await aivida(dir.folder, 'init', 'lab')
  const text = await aivida(dir.folder, 'doctor', ...FLAGS, ...FREE)
  const json = await aivida(dir.folder, 'doctor', '--json', ...FLAGS, ...FREE)
  const report = reportSchema.parse(JSON.parse(json.out))
  const wrong = report.checks.filter(({ level }) => level === 'broken')
  assert.equal(wrong, [])
  assert.is(json.code, { ok: 0, warning: 3, broken: 1 }[report.verdict]) // a small disk or a missing network may be worth a warning
  assert.match(text.out, /^ok {7}versions {2}aivida /)
  const secret = readFileSync(dataFolder(dir.folder).nodeKey, 'utf8').trim().split(' ').at(-1)!
  for (const said of [text.out, text.err, json.out]) assert.is(said.includes(secret), false)
})

test('broken settings are told, and exit with 1; a wrong argument with 2', async () => {
  using dir = scratch()
  writeFileSync(join(dir.folder, 'config.json'), '{"v":1,"slotz":3}')
  const { code, out } = await aivida(dir.folder, 'doctor', ...FLAGS, ...FREE)
  assert.is(code, 1)
  assert.match(out, /broken {3}settings {2}unknown option "slotz".*did you mean slots\?\n {19}try: /)
  assert.match(out, /1 broken, \d+ warnings?\n$/)
  assert.is((await aivida(dir.folder, 'doctor', '--nonsense')).code, 2)
})

test('a start that fails says by itself what is wrong: in words, and in the facts of the error', async () => {
  using dir = scratch()
  await aivida(dir.folder, 'init', 'lab')
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  const taken = ['--listen', `/ip4/127.0.0.1/udp/${port}/quic-v1`]
  const words = new RegExp(`broken   ports     UDP port ${port} of 127.0.0.1 is taken by `)
  const up = await aivida(dir.folder, 'up', ...FLAGS, ...taken)
  assert.is(up.code, 3)
  assert.match(up.err, words)
  assert.match(up.err.trimEnd().split('\n').at(-1)!, /^error transport\.listen: cannot listen on /)
  const json = await aivida(dir.folder, 'up', '--json', ...FLAGS, ...taken)
  socket.close()
  const { error } = JSON.parse(json.err)
  assert.is(error.code, 'transport.listen')
  assert.ok(
    error.facts.doctor.some((finding: { check: string }) => finding.check === 'ports'),
    json.err,
  )
})

test('a ticket whose seed is down is looked into, and never repeated; a mistyped one speaks for itself', async () => {
  using dir = scratch()
  const seeds = ['/ip4/127.0.0.1/tcp/9/p2p/12D3KooWAaYVakMyznsMrUbM1TPKUnduj2tCfQiM6zujqQmepeqr']
  const ticket = sampleTicket(sampleCharter(), { seeds, expiresWallMs: Date.now() + 1e9 })
  const join = await aivida(dir.folder, 'join', ticket, ...FLAGS, ...FREE)
  assert.is(join.code, 4, join.err)
  assert.match(join.err, /broken {3}seeds {5}none of 1 seeds can be reached.*TCP: refused, nothing listens there/)
  assert.is(join.err.includes(ticket.slice(0, 40)), false)
  const mistyped = await aivida(dir.folder, 'join', `${ticket}x`, ...FLAGS)
  assert.is(mistyped.code, 2)
  assert.is(mistyped.err.trimEnd().split('\n').length, 1, mistyped.err)
})

test('the sum of a report', () => {
  const finding = { check: 'a', message: 'm', tookMs: 0 }
  assert.match(describeReport([{ ...finding, level: 'ok' }]), /all is well\n$/)
  assert.match(describeReport([{ ...finding, level: 'warning', remedy: 'r' }]), /try: r\n0 broken, 1 warning\n$/)
})

test.run()
