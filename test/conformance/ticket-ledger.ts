import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TicketLedger } from '../../runtime/swarm/charter/index.ts'

/** What every ledger of ticket uses has to do. `open` gives a fresh, empty one. */
export function ticketLedgerConformance(name: string, open: () => Promise<TicketLedger>): void {
  const peers = (ledger: TicketLedger, ticket: string) => [...ledger.redeemedBy(ticket)].sort()

  test(`${name}: a new ledger knows of no use`, async () => {
    assert.equal(peers(await open(), 'ticket-a'), [])
  })

  test(`${name}: nodes are counted by ticket`, async () => {
    const ledger = await open()
    await ledger.record('ticket-a', 'node-1')
    await ledger.record('ticket-a', 'node-2')
    await ledger.record('ticket-b', 'node-1')
    assert.equal(peers(ledger, 'ticket-a'), ['node-1', 'node-2'])
    assert.equal(peers(ledger, 'ticket-b'), ['node-1'])
  })

  test(`${name}: a node that asks again is counted once`, async () => {
    const ledger = await open()
    await ledger.record('ticket-a', 'node-1')
    await ledger.record('ticket-a', 'node-1')
    assert.equal(peers(ledger, 'ticket-a'), ['node-1'])
  })

  test(`${name}: a use is seen before it is durable, so that two can't share the last one`, async () => {
    const ledger = await open()
    const first = ledger.record('ticket-a', 'node-1')
    assert.equal(peers(ledger, 'ticket-a'), ['node-1'])
    const second = ledger.record('ticket-a', 'node-2')
    assert.equal(peers(ledger, 'ticket-a'), ['node-1', 'node-2'])
    await Promise.all([first, second])
  })
}
