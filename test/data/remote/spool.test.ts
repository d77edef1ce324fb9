import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom, systemClock } from '../../../runtime/base/index.ts'
import { dropSpool, egress, openRemote, spool } from '../../../runtime/data/remote/index.ts'
import { type Mishap, type ObjectServer, objectServer } from '../../support/object-server.ts'
import { refuses } from '../refusal.ts'

const content = seededRandom(8).bytes(200_000)
const way = await egress({ env: {} })
const ENDED: Mishap = { type: 'status', status: 403, body: 'Request has expired' }

const spools = suite<{ folder: string }>('spool')
spools.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'aivida spool '))
})
spools.after.each(({ folder }) => rm(folder, { recursive: true }))
spools.after(() => way.close())

/** Downloads the file by a link of its own; what it was asked for beside the first byte. */
async function download(server: ObjectServer, folder: string, link = '?sig=1') {
  const before = server.requests.length
  const remote = await openRemote({ url: `${server.origin}/file${link}`, egress: way, clock: systemClock })
  const seen: number[] = []
  const path = await spool(remote, { folder, progress: (bytes) => seen.push(bytes) })
  return { path, seen, asked: server.requests.slice(before + 1).map((request) => request.split('=')[1]) }
}

spools('what an ended link leaves, a new link goes on with', async ({ folder }) => {
  const mishaps: (Mishap | undefined)[] = [undefined, { type: 'reset', afterBytes: 120_000 }, ENDED]
  await using server = await objectServer({ objects: { '/file': content }, mishap: () => mishaps.shift() })
  await refuses('remote.expired', download(server, folder))
  const { path, seen, asked } = await download(server, folder, '?sig=2')
  const [from] = seen
  assert.ok(from! > 0 && from! <= 120_000, `${from}: what a broken connection had brought`)
  assert.equal([seen.at(-1), asked], [200_000, [`${from}-199999`]])
  assert.equal(await readFile(path), Buffer.from(content))
  assert.equal((await download(server, folder)).asked, [], 'all of it is here')
  await dropSpool(folder, `${server.origin}/file`)
  assert.equal(await readdir(folder), [])
})

spools('changed content, servers without versions or parts, damaged marks: from the beginning', async ({ folder }) => {
  for (const [more, damage] of [
    [{}, (objects: Record<string, Uint8Array>) => void Object.assign(objects, { '/file': content.toReversed() })],
    [{ tags: false }, () => {}],
    [{ ranges: false }, () => {}],
    [{}, async () => writeFile(join(folder, (await readdir(folder)).find((name) => name.endsWith('.json'))!), '{"v":')],
  ] as const) {
    const objects: Record<string, Uint8Array> = { '/file': content }
    const mishaps: (Mishap | undefined)[] = [undefined, { type: 'reset', afterBytes: 50_000 }, ENDED]
    await using server = await objectServer({ objects, mishap: () => mishaps.shift(), ...more })
    const first = await download(server, folder).then(String, (error) => error.code)
    assert.match(first, /^remote\./)
    await damage(objects)
    const { path, seen } = await download(server, folder)
    assert.is(seen[0], 0)
    assert.equal(await readFile(path), Buffer.from(objects['/file']!))
    await dropSpool(folder, `${server.origin}/file`)
  }
})

spools('bytes that a power cut took are fetched again', async ({ folder }) => {
  const mishaps: (Mishap | undefined)[] = [undefined, { type: 'reset', afterBytes: 80_000 }, ENDED]
  await using server = await objectServer({ objects: { '/file': content }, mishap: () => mishaps.shift() })
  await refuses('remote.expired', download(server, folder))
  const part = join(folder, (await readdir(folder)).find((name) => !name.endsWith('.json'))!)
  await truncate(part, 1_000)
  const { path } = await download(server, folder)
  assert.equal(await readFile(path), Buffer.from(content))
})

spools.run()
