import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isSignedBy } from '../../runtime/log/frame.ts'
import { type Log, type LogStore, openLog, type SeenEntry, scrub } from '../../runtime/log/index.ts'
import { codeOf, contents, entries, failureOf, testKey } from '../log/scratch.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Where a log lives; gives any number of writers a handle, none of which locks the others out. */
export type LogHome = () => LogStore

/** What every home of a log has to do, whatever it is made of. `makeHome` gives an empty one. */
export function logConformance(name: string, makeHome: () => LogHome): void {
  const open = (home: LogHome) => openLog(home(), { clock: new VirtualClock() })
  const append = (log: Log, ...texts: string[]) => log.append(entries(...texts))
  const check = (what: string, body: (home: LogHome) => Promise<void>) =>
    test(`${name}: ${what}`, () => body(makeHome()))

  check('an empty log has tail 0, nothing to read and no snapshot', async (home) => {
    const log = await open(home)
    assert.is(log.tail, 0)
    assert.is(log.epoch, 1)
    assert.equal(await contents(log), [])
    assert.is(await log.lastSnapshot(), undefined)
    await log.close()
  })

  check('entries are numbered from 1 and come back in order, from any of them on', async (home) => {
    const log = await open(home)
    assert.equal(await append(log, 'a', 'b', ''), { firstSeq: 1 })
    assert.equal(await append(log, 'c'), { firstSeq: 4 })
    assert.is(log.tail, 4)
    assert.equal(await contents(log), ['1:a', '2:b', '3:', '4:c'])
    assert.equal(await contents(log, 3), ['3:', '4:c'])
    assert.equal(await contents(log, 5), [])
    await log.close()
  })

  check('a new writer finds all, goes on with the numbers and holds a higher epoch', async (home) => {
    const first = await open(home)
    await append(first, 'a', 'b')
    await first.close()
    await (await open(home)).close() // one that writes nothing
    const third = await open(home)
    assert.is(third.epoch, 3)
    assert.is(third.tail, 2)
    assert.equal(await append(third, 'c'), { firstSeq: 3 })
    await third.close()
    const fourth = await open(home)
    assert.equal(await contents(fourth), ['1:a', '2:b', '3:c'])
    const epochs: number[] = []
    for await (const { epoch } of fourth.read(1)) epochs.push(epoch)
    assert.equal(epochs, [1, 1, 3])
    await fourth.close()
  })

  check('the writer before is fenced, and what it tries leaves no trace', async (home) => {
    const old = await open(home)
    await append(old, 'a')
    const next = await open(home)
    await append(next, 'b')
    assert.is(await codeOf(append(old, 'stale', 'stale')), 'log.fenced')
    assert.is(await codeOf(append(old, 'again')), 'log.fenced')
    assert.is(await codeOf(old.barrier()), 'log.fenced')
    await append(next, 'c')
    assert.equal(await contents(next), ['1:a', '2:b', '3:c'])
    await old.close()
    await next.close()
    const last = await open(home)
    assert.equal(await contents(last), ['1:a', '2:b', '3:c'])
    await last.close()
  })

  check('a writer that is fenced before the next one writes leaves no trace either', async (home) => {
    const old = await open(home)
    await append(old, 'a')
    const next = await open(home)
    assert.is(await codeOf(append(old, 'stale')), 'log.fenced')
    await next.close()
    const last = await open(home)
    assert.equal(await contents(last), ['1:a'])
    await append(last, 'b')
    assert.equal(await contents(last), ['1:a', '2:b'])
    await last.close()
  })

  check('the store refuses an epoch it does not hold', async (home) => {
    const log = await open(home)
    assert.is(await codeOf(log.append(entries('a'), { epoch: log.epoch + 1 })), 'log.fenced')
    assert.equal(await log.append(entries('b'), { epoch: log.epoch }), { firstSeq: 1 })
    await log.close()
  })

  check('listeners hear of each new tail until they stop', async (home) => {
    const log = await open(home)
    const tails: number[] = []
    const stop = log.onAppend((tail) => tails.push(tail))
    await append(log, 'a', 'b')
    await append(log, 'c')
    stop()
    await append(log, 'd')
    assert.equal(tails, [2, 3])
    await log.close()
  })

  check('a read sees the tail at its start, whatever is appended meanwhile', async (home) => {
    const log = await open(home)
    await append(log, 'a')
    await append(log, 'b')
    const seen: number[] = []
    for await (const { seq } of log.read(1)) {
      seen.push(seq)
      await append(log, 'more')
    }
    assert.equal(seen, [1, 2])
    assert.is(log.tail, 4)
    await log.close()
  })

  check('the newest snapshot is found again by the next writer', async (home) => {
    const log = await open(home)
    await append(log, 'a', 'b', 'c')
    await log.snapshot(1, entries('one')[0]!)
    await log.snapshot(3, entries('three')[0]!)
    await log.snapshot(2, entries('two')[0]!)
    await log.close()
    const next = await open(home)
    const found = await next.lastSnapshot()
    assert.is(found?.seq, 3)
    assert.equal(new Uint8Array(found!.bytes), entries('three')[0])
    await next.close()
  })

  check('a log that lacks an entry which was seen is refused, and so is one that holds another', async (home) => {
    const log = await open(home)
    await append(log, 'a', 'b')
    await append(log, 'c')
    const { head } = log
    assert.equal([head.epoch, head.seq], [1, 3])
    await log.close()
    const clock = new VirtualClock()
    const reopen = (seen: SeenEntry) => openLog(home(), { clock, seen })
    await (await reopen({ ...head, by: 'a follower' })).close()
    const error = await failureOf(reopen({ seq: 4, by: 'node x' }))
    assert.is(error.code, 'log.rolled-back')
    assert.equal([error.facts.tail, error.facts.seen, error.facts.by], [3, 4, 'node x'])
    const other = { seq: 3, hash: 'f'.repeat(64), by: 'node x' }
    assert.is(await codeOf(reopen(other)), 'log.rolled-back')
    const last = await open(home)
    assert.equal(await contents(last), ['1:a', '2:b', '3:c'], 'refusals change nothing')
    await last.close()
  })

  check('an epoch can be raised beyond what another writer reaches by opening', async (home) => {
    await (await open(home)).close()
    const clock = new VirtualClock()
    const raised = await openLog(home(), { clock, minEpoch: 2 ** 52 })
    await append(raised, 'a')
    assert.is(raised.epoch, 2 ** 52)
    await raised.close()
    const next = await openLog(home(), { clock, minEpoch: 5 })
    assert.is(next.epoch, 2 ** 52 + 1, 'it never falls')
    assert.equal(await contents(next), ['1:a'])
    await next.close()
  })

  check('the head says where the log ends, for each writer', async (home) => {
    const log = await open(home)
    assert.equal(log.head, { epoch: 1, seq: 0, hash: '0'.repeat(64) })
    await append(log, 'a')
    const { hash } = log.head
    await append(log, 'b')
    assert.not.equal(log.head.hash, hash)
    await log.close()
    const next = await open(home)
    assert.equal(next.head, { ...log.head, epoch: 2 })
    await next.close()
  })

  check('with a key, every group is signed, and a scrub checks it', async (home) => {
    const clock = new VirtualClock()
    const key = testKey('a log')
    const log = await openLog(home(), { clock, key })
    await append(log, 'a')
    await append(log, 'b')
    for await (const group of log.groups(1)) assert.ok(isSignedBy(group, key))
    assert.ok((await scrub(log, { clock })) > 300)
    await log.close()
    const forger = await openLog(home(), { clock, key: testKey('a log') }).then(
      (forged) => forged.close().then(() => undefined),
      (error) => error.code,
    )
    assert.ok(forger === undefined || forger === 'log.corrupt', 'a store may look at signatures itself')
    const other = await openLog(home(), { clock })
    assert.equal(await contents(other), ['1:a', '2:b'])
    await other.close()
  })

  check('entries of the reserve are entries like any other', async (home) => {
    const log = await open(home)
    const appends = [append(log, 'a'), log.append(entries('why'), { reserved: true }), append(log, 'b')]
    assert.equal(
      (await Promise.all(appends)).map(({ firstSeq }) => firstSeq),
      [1, 2, 3],
    )
    assert.equal(await contents(log), ['1:a', '2:why', '3:b'])
    await log.close()
  })

  check('what a snapshot covers may be dropped, the rest stays', async (home) => {
    const log = await open(home)
    for (let i = 1; i <= 20; i++) await append(log, `entry ${i}`.padEnd(100))
    await log.dropBefore(20) // no snapshot: nothing is dropped
    assert.is((await contents(log)).length, 20)
    await log.snapshot(5, new Uint8Array(1))
    await log.dropBefore(20) // nor with one alone, which might turn out damaged
    assert.is((await contents(log)).length, 20)
    await log.snapshot(10, new Uint8Array(1))
    await log.dropBefore(20)
    assert.is((await contents(log, 6)).length, 15, 'what follows the older one stays')
    assert.ok(log.first <= 6)
    assert.is((await contents(log, log.first)).length, 21 - log.first)
    const whole = await codeOf(contents(log)) // a store may keep more than it must, but says so when it has not
    assert.ok(whole === undefined || whole === 'log.dropped', whole)
    await log.snapshot(20, new Uint8Array(1))
    await log.dropBefore(1000)
    await log.close()
    const next = await open(home)
    assert.is(next.tail, 20)
    assert.equal(await append(next, 'on'), { firstSeq: 21 })
    assert.equal(await contents(next, 21), ['21:on'])
    await next.close()
  })
}
