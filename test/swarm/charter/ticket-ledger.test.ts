import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Disk, systemDisk } from '../../../runtime/log/index.ts'
import { FileTicketLedger, MemoryTicketLedger } from '../../../runtime/swarm/charter/index.ts'
import { ticketLedgerConformance } from '../../conformance/ticket-ledger.ts'
import { codeOf, scratchDir } from '../identity/sample-keys.ts'

const freshPath = () => join(scratchDir(), 'node', 'tickets.jsonl')

ticketLedgerConformance('memory', async () => new MemoryTicketLedger())
ticketLedgerConformance('file', () => FileTicketLedger.open(freshPath()))

/** A ledger's file after two uses. */
async function used(): Promise<string> {
  const path = freshPath()
  const ledger = await FileTicketLedger.open(path)
  await ledger.record('ticket-a', 'node-1')
  await ledger.record('ticket-a', 'node-2')
  await ledger.close()
  return path
}

/** The nodes that the file knows for `ticket-a`, opened anew. */
async function reread(path: string): Promise<string[]> {
  const ledger = await FileTicketLedger.open(path)
  const found = [...ledger.redeemedBy('ticket-a')]
  await ledger.close()
  return found
}

test('uses are there after a restart, one versioned line each', async () => {
  const path = await used()
  assert.is(
    readFileSync(path, 'utf8'),
    '{"v":1,"ticket":"ticket-a","peer":"node-1"}\n{"v":1,"ticket":"ticket-a","peer":"node-2"}\n',
  )
  assert.equal(await reread(path), ['node-1', 'node-2'])
  if (process.getuid) assert.is(statSync(path).mode & 0o777, 0o600)
})

test('a line torn by a crash is cut off, and writing goes on', async () => {
  for (let cut = 1; cut <= 44; cut += 43) {
    const path = await used()
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(0, whole.length - cut))
    const ledger = await FileTicketLedger.open(path)
    await ledger.record('ticket-a', 'node-3')
    await ledger.close()
    assert.equal(await reread(path), ['node-1', 'node-3'])
  }
})

test('a line that is no use is never skipped', async () => {
  for (const line of ['{"v":2,"ticket":"ticket-a","peer":"node-3"}\n', 'rubbish\n', '\n']) {
    const path = await used()
    appendFileSync(path, line)
    assert.is(await codeOf(() => FileTicketLedger.open(path)), 'ticket.ledger-damaged')
  }
})

test('once a use could not be written down, no later one counts as written, until the file is read anew', async () => {
  let full = false
  const noSpace = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }))
  const disk: Disk = {
    ...systemDisk,
    open: async (path, mode) => {
      const file = await systemDisk.open(path, mode)
      return { ...file, write: (bytes, at) => (full ? noSpace() : file.write(bytes, at)) }
    },
  }
  const path = await used()
  const ledger = await FileTicketLedger.open(path, disk)
  full = true
  assert.is(await codeOf(() => ledger.record('ticket-a', 'node-3')), 'ticket.ledger-broken')
  full = false
  assert.is(await codeOf(() => ledger.record('ticket-a', 'node-4')), 'ticket.ledger-broken')
  assert.is(
    await codeOf(() => ledger.record('ticket-a', 'node-3')),
    'ticket.ledger-broken',
    'asking again changes nothing',
  )
  await ledger.close()
  assert.equal(await reread(path), ['node-1', 'node-2'])
})

test.run()
