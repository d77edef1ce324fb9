import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Disk } from '../../runtime/log/index.ts'
import { Chance } from './chance.ts'
import { SimDisk } from './sim-disk.ts'
import { Life, type Site, World } from './world.ts'

const test = suite('simulated disk')
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()
const bytes = (words: string) => new TextEncoder().encode(words)

interface Machine {
  readonly world: World
  readonly disk: SimDisk
  readonly life: Life
  readonly mounted: Disk
}

function machine(seed = 1): Machine {
  const world = new World()
  const site: Site = { name: 'n', isStalled: false, backlog: [], life: undefined }
  const life = new Life(site, 1, 0, () => {})
  site.life = life
  const disk = new SimDisk(world, new Chance(seed, 'disk'))
  return { world, disk, life, mounted: disk.mount(life) }
}

/** Lets the world run until the promise settles, or says `never`. */
async function outcome<T>({ world }: Machine, promise: Promise<T>): Promise<T | 'never'> {
  let isSettled = false
  const done = promise.finally(() => {
    isSettled = true
  })
  done.catch(() => {})
  await world.run(world.nowMs + 60_000, () => isSettled)
  return isSettled ? done : 'never'
}

/** A file with `synced` on the platter and `more` after it in the page cache. */
async function written(machine: Machine, synced: string, more: string): Promise<void> {
  const { mounted } = machine
  const file = await mounted.open('/d/f', 'new')
  await file.write(bytes(synced), 0)
  await file.sync()
  await mounted.syncDir('/d')
  if (more) await file.write(bytes(more), synced.length)
}

test('a kill keeps what was written, a power cut what was synced and any part of the rest', async () => {
  const left = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const each = machine(seed)
    await outcome(each, written(each, 'synced', 'more'))
    assert.is(text(each.disk.peek('/d/f')), 'syncedmore')
    each.disk.powerCut()
    left.add(text(each.disk.peek('/d/f'))!)
  }
  assert.ok([...left].every((words) => 'syncedmore'.startsWith(words) && words.startsWith('synced')))
  assert.ok(left.has('synced') && left.has('syncedmore') && left.size > 3, [...left].join())
})

test('a name that was not synced may be gone with its file; a rename is there or not', async () => {
  const left = new Set<string | undefined>()
  for (let seed = 0; seed < 30; seed++) {
    const each = machine(seed)
    await outcome(each, written(each, 'old', ''))
    const replaced = (async () => {
      const file = await each.mounted.open('/d/f.tmp', 'replace')
      await file.write(bytes('new'), 0)
      await file.sync()
      await each.mounted.rename('/d/f.tmp', '/d/f')
    })()
    await outcome(each, replaced)
    each.disk.powerCut()
    left.add(text(each.disk.peek('/d/f')))
  }
  assert.equal([...left].sort(), ['new', 'old'])
})

test('a process that died of its n-th operation has done those before, and awaits the others for ever', async () => {
  const each = machine()
  await outcome(each, written(each, 'one', ''))
  const file = await outcome(each, each.mounted.open('/d/f', 'keep'))
  if (file === 'never') throw new Error('a living process opens a file')
  each.life.fuse = 1
  assert.is(await outcome(each, file.write(bytes('two'), 0)), undefined)
  assert.is(await outcome(each, file.write(bytes('six'), 0)), 'never')
  assert.is(each.life.isAlive, false)
  assert.is(text(each.disk.peek('/d/f')), 'two')
})

test('a full disk takes what fits and fails with its errno', async () => {
  const each = machine()
  await outcome(each, written(each, 'one', ''))
  const file = await outcome(each, each.mounted.open('/d/f', 'keep'))
  if (file === 'never') throw new Error('a living process opens a file')
  each.disk.faults.roomBytes = 2
  const failure = await outcome(each, file.write(bytes('three'), 3)).catch((error) => error.code)
  assert.is(failure, 'ENOSPC')
  assert.is(text(each.disk.peek('/d/f')), 'oneth')
})

test.run()
