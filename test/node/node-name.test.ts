import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nodeName } from '../../runtime/node/node-name.ts'
import { peerOf, sampleKey } from '../swarm/identity/sample-keys.ts'

const [one, other] = [peerOf(sampleKey(1)), peerOf(sampleKey(2))]

test('a node is called what it was told or, in the usual data folder, after its machine', () => {
  assert.is(nodeName({ name: 'lab-1', dataDir: '/elsewhere' }, one), 'lab-1')
  assert.is(nodeName({ name: '', dataDir: join(homedir(), '.aivida') }, one), hostname().slice(0, 64))
})

test('nodes of one machine in data folders of their own are told apart', () => {
  const names = [one, other].map((peer) => nodeName({ name: '', dataDir: '/elsewhere' }, peer))
  assert.is(new Set(names).size, 2)
  for (const name of names) assert.ok(name.startsWith(hostname().slice(0, 59)) && name.length <= 64, name)
})

test.run()
