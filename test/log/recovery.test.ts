import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../runtime/base/random.ts'
import { groupAt, sealGroup } from '../../runtime/log/frame.ts'
import type { Disk } from '../../runtime/log/index.ts'
import { scanGroups } from '../../runtime/log/segment.ts'
import { codeOf, contents, entries, failureOf, openDir, scratchDir, testKey, unlockedDisk } from './scratch.ts'

/** Without syncs, which hundreds of openings would wait for: what is looked at here is what was written, not when. */
const disk: Disk = {
  ...unlockedDisk,
  open: async (path, mode) => ({ ...(await unlockedDisk.open(path, mode)), sync: async () => undefined }),
  syncDir: async () => undefined,
}
const [key, otherKey] = [testKey('a log'), testKey('a log')]
const segmentsOf = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(dir, name))

/** A closed log of three groups, `a b | c d | e f`, and its one segment. */
async function threeGroups() {
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  for (const pair of [
    ['a', 'b'],
    ['c', 'd'],
    ['e', 'f'],
  ])
    await log.append(entries(...pair))
  await log.close()
  const segment = segmentsOf(dir)[0]!
  const bytes = readFileSync(segment)
  const ends = scanGroups(bytes, 1).groups.map(({ group, at }) => at + group.frame.byteLength)
  return { dir, segment, bytes, ends }
}

/** Makes an orderly end look like that of a killed process, which leaves no note of where it ended. */
const forgetEnd = (dir: string) => rmSync(join(dir, 'end'))

/** What opening the log again finds, as if nothing had been opened before. */
async function reopened(dir: string, segment: string, bytes: Uint8Array) {
  for (const other of segmentsOf(dir)) if (other !== segment) rmSync(other)
  writeFileSync(segment, bytes)
  rmSync(join(dir, 'end'), { force: true })
  const log = await openDir(dir, { disk })
  const found = await contents(log)
  await log.close()
  return { found, cutBytes: log.cutBytes }
}

test('a last group cut anywhere is dropped whole, the groups before it stay', async () => {
  const { dir, segment, bytes, ends } = await threeGroups()
  for (let size = ends[1]!; size < ends[2]!; size++) {
    const { found, cutBytes } = await reopened(dir, segment, bytes.subarray(0, size))
    assert.equal(found, ['1:a', '2:b', '3:c', '4:d'], `cut to ${size} bytes`)
    assert.ok(cutBytes <= size - ends[1]!)
  }
  assert.is((await reopened(dir, segment, bytes)).found.length, 6)
})

test('a last group with a hole in it is a torn write too, and is zeroed', async () => {
  const { dir, segment, bytes, ends } = await threeGroups()
  const torn = new Uint8Array(bytes)
  torn.fill(0, ends[1]! + 8, ends[1]! + 64)
  const { found, cutBytes } = await reopened(dir, segment, torn)
  assert.is(found.length, 4)
  assert.ok(cutBytes > 0)
  assert.ok(
    readFileSync(segment)
      .subarray(ends[1]!)
      .every((byte) => byte === 0),
  )
})

test('a bit flipped before the last group is refused, one in the last group cuts it', async () => {
  const { dir, segment, bytes, ends } = await threeGroups()
  const random = seededRandom(7)
  for (let i = 0; i < 120; i++) {
    const at = Math.floor(random.float() * bytes.byteLength)
    const flipped = new Uint8Array(bytes)
    flipped[at]! ^= 1 << Math.floor(random.float() * 8)
    const result = await reopened(dir, segment, flipped).then(
      ({ found }) => found.length,
      ({ code, facts }) => `${code} ${facts.seq} ${facts.byte} ${facts.file === segment}`,
    )
    const expected = at < ends[0]! ? 'log.corrupt 1 0 true' : at < ends[1]! ? `log.corrupt 3 ${ends[0]} true` : 4
    assert.is(result, expected, `bit flipped at ${at}`)
  }
})

test('after an orderly end, damage in the last group is told from a torn write, and nothing is cut', async () => {
  const { dir, segment, bytes, ends } = await threeGroups()
  const flipped = new Uint8Array(bytes)
  flipped[ends[1]! + 100]! ^= 1
  writeFileSync(segment, flipped)
  for (let i = 0; i < 2; i++) {
    const error = await failureOf(openDir(dir, { disk }))
    assert.equal([error.code, error.facts.tail, error.facts.seen], ['log.rolled-back', 4, 6])
    assert.match(error.message, /entry 4.*entry 6.*its own note.*restore a copy/)
  }
  assert.equal(new Uint8Array(readFileSync(segment)), flipped)
})

test('signed, an entry that imitates a later group never passes for one, and a real one behind damage does', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk, key })
  await log.append(entries('a'))
  const torn = entries('b', 'c')
  const init = { firstSeq: 9, epoch: 1, wallMs: 0, previousHash: '0'.repeat(64) }
  const forged = sealGroup(init, entries('forged'), otherKey).frame
  await log.append([...torn, Buffer.concat([new Uint8Array(7), forged])]) // 7 more bytes align it
  await log.close()
  forgetEnd(dir)
  const segment = segmentsOf(dir)[0]!
  const bytes = new Uint8Array(readFileSync(segment))
  const [, second] = scanGroups(bytes, 1).groups
  assert.ok(bytes.subarray(second!.at).some((_, i) => i % 8 === 0 && groupAt(bytes, second!.at + i)?.firstSeq === 9))
  bytes.fill(0, second!.at + 8, second!.at + 64) // the header is lost: what follows can only be searched
  writeFileSync(segment, bytes)
  const unsigned = scratchDir()
  cpSync(dir, unsigned, { recursive: true })
  assert.is(await codeOf(openDir(unsigned, { disk })), 'log.corrupt', 'without a key it has to be taken for a group')
  const again = await openDir(dir, { disk, key })
  assert.equal(await contents(again), ['1:a'])
  for (const text of ['b', 'c', 'd']) await again.append(entries(text))
  await again.close()
  forgetEnd(dir)
  const last = segmentsOf(dir).at(-1)!
  const damaged = new Uint8Array(readFileSync(last))
  damaged.fill(0, 8, 64)
  writeFileSync(last, damaged)
  const error = await failureOf(openDir(dir, { disk, key }))
  assert.equal([error.code, error.facts.file, error.facts.seq, error.facts.byte], ['log.corrupt', last, 2, 0])
})

test('the groups of a log are signed in its name: those of another log, or of another key, are refused', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk, key })
  await log.append(entries('a'))
  await log.close()
  await (await openDir(dir, { disk, key })).close()
  assert.is(await codeOf(openDir(dir, { disk, key: { ...key, name: 'another log' } })), 'log.corrupt')
  assert.is(await codeOf(openDir(dir, { disk, key: otherKey })), 'log.corrupt')
  const plain = await openDir(dir, { disk })
  assert.equal(await contents(plain), ['1:a'], 'who has no key reads it all the same')
  await plain.close()
})

test('a snapshot that another key has signed is passed over', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk, key })
  await log.append(entries('a', 'b'))
  await log.snapshot(1, entries('ours')[0]!)
  await log.close()
  const forger = await openDir(dir, { disk })
  await forger.snapshot(2, entries('unsigned')[0]!)
  await forger.close()
  const again = await openDir(dir, { disk, key })
  assert.is(Buffer.from((await again.lastSnapshot())!.bytes).toString(), 'ours')
  await again.close()
})

test('a group that is missing before another is refused', async () => {
  const { dir, segment, bytes, ends } = await threeGroups()
  const without = Buffer.concat([bytes.subarray(0, ends[0]!), bytes.subarray(ends[1]!)])
  assert.is(await codeOf(reopened(dir, segment, without)), 'log.corrupt')
})

test('refused damage is left as it is', async () => {
  const { dir, segment, bytes } = await threeGroups()
  const flipped = new Uint8Array(bytes)
  flipped[100]! ^= 1
  assert.is(await codeOf(reopened(dir, segment, flipped)), 'log.corrupt')
  assert.equal(new Uint8Array(readFileSync(segment)), flipped)
})

test('an entry that imitates a group does not stop a torn tail from being cut', async () => {
  const init = { firstSeq: 9, epoch: 1, wallMs: 0, previousHash: '0'.repeat(64) }
  const { frame } = sealGroup(init, entries('forged'))
  const imitation = String.fromCharCode(...[0, 0, 0], ...frame) // 93 bytes into the group: 3 more align it
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  await log.append([Uint8Array.from(imitation, (character) => character.charCodeAt(0)), ...entries('end')])
  await log.close()
  forgetEnd(dir)
  const segment = segmentsOf(dir)[0]!
  truncateSync(segment, readFileSync(segment).byteLength - 20)
  const again = await openDir(dir, { disk })
  assert.equal(await contents(again), ['1:a'])
  await again.close()
})

test('damage in an older segment is found when it is read, and named', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk, segmentBytes: 200 })
  for (const text of ['a', 'b', 'c']) await log.append(entries(text))
  const second = segmentsOf(dir)[1]!
  const bytes = readFileSync(second)
  bytes[95]! ^= 1
  writeFileSync(second, bytes)
  try {
    await contents(log)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /0000000000000002.*damaged.*entry 2/)
  }
  assert.equal(await contents(log, 3), ['3:c'])
  await log.close()
})

test('a missing segment is found', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk, segmentBytes: 200 })
  for (const text of ['a', 'b', 'c']) await log.append(entries(text))
  await log.snapshot(3, new Uint8Array())
  await log.close()
  rmSync(segmentsOf(dir)[1]!)
  const again = await openDir(dir, { disk })
  assert.is(await codeOf(contents(again)), 'log.corrupt')
  await again.close()
  for (const segment of segmentsOf(dir).slice(1)) rmSync(segment)
  forgetEnd(dir)
  assert.is(await codeOf(openDir(dir, { disk })), 'log.rolled-back', 'the snapshot knows of entry 3')
})

test('a segment that a fenced writer started late is not read', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  await log.close()
  const elsewhere = scratchDir()
  cpSync(dir, elsewhere, { recursive: true })
  for (const [place, text] of [
    [dir, 'b'],
    [elsewhere, 'stale'],
  ] as const) {
    const next = await openDir(place, { disk })
    await next.append(entries(text))
    await next.close()
  }
  copyFileSync(segmentsOf(elsewhere)[1]!, join(dir, '0000000000000002-0000000001.seg'))
  const last = await openDir(dir, { disk })
  assert.equal(await contents(last), ['1:a', '2:b'])
  await last.close()
})

test('what a later epoch took the place of does not come back when that is dropped', async () => {
  const dir = scratchDir()
  const log = await openDir(dir, { disk })
  await log.append(entries('a'))
  await log.close()
  const elsewhere = scratchDir()
  cpSync(dir, elsewhere, { recursive: true })
  const fenced = await openDir(elsewhere, { disk })
  await fenced.append(entries('stale'))
  await fenced.close()
  const next = await openDir(dir, { disk, segmentBytes: 200 })
  copyFileSync(segmentsOf(elsewhere)[1]!, join(dir, '0000000000000002-0000000001.seg'))
  for (const text of ['b', 'c', 'd']) await next.append(entries(text))
  await next.snapshot(3, new Uint8Array())
  await next.snapshot(4, new Uint8Array())
  await next.dropBefore(3)
  await next.close()
  const last = await openDir(dir, { disk })
  assert.equal([last.first, await contents(last, last.first)], [3, ['3:c', '4:d']])
  await last.close()
})

test('a group of a newer format is not taken for damage', async () => {
  const { dir, segment, bytes } = await threeGroups()
  const { crc32 } = await import('node:zlib')
  const newer = Buffer.from(bytes)
  newer.writeUInt16LE(2, 16)
  newer.writeUInt32LE(crc32(newer.subarray(12, 88), crc32(newer.subarray(0, 8))), 8)
  assert.is(await codeOf(reopened(dir, segment, newer)), 'log.version')
})

test('version 1 is read as it was written, and still written so', async () => {
  const fixture = join(import.meta.dirname, '../fixtures/log/v1')
  const dir = scratchDir()
  cpSync(fixture, dir, { recursive: true })
  const log = await openDir(dir, { disk })
  assert.is(log.epoch, 3)
  assert.equal(await contents(log), ['1:lease granted', '2:', '3:lease extended', '4:shard accepted'])
  const snapshot = await log.lastSnapshot()
  assert.is(snapshot?.seq, 3)
  assert.equal(Buffer.from(snapshot!.bytes).toString(), 'state as of entry 3')
  await log.close()

  const rewritten = scratchDir()
  const first = await openDir(rewritten, { disk })
  await first.append(entries('lease granted', ''))
  await first.append(entries('lease extended'))
  await first.snapshot(3, entries('state as of entry 3')[0]!)
  await first.close()
  const second = await openDir(rewritten, { disk })
  await second.append(entries('shard accepted'))
  await second.close()
  for (const name of readdirSync(fixture)) {
    assert.equal(readFileSync(join(rewritten, name)), readFileSync(join(fixture, name)), name)
  }
})

test.run()
