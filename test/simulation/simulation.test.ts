// timeout: 180 s
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MUTATIONS } from './mutations.ts'
import { patched } from './patches.ts'
import { SimProcess } from './sim-process.ts'

const KEPT: {
  /** Seeds that failed once. */
  readonly seeds: readonly { readonly seed: number; readonly why: string }[]
  /** By mutation: a seed that catches it, and the faults that this takes. */
  readonly mutations: Readonly<Record<string, { readonly seed: number; readonly keep?: readonly number[] }>>
} = JSON.parse(readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8'))

/** Run by every test, besides those that failed once. In the last one a model is trained by rounds. */
const FEW = [4, 5, 8, 11]

const test = suite('simulation')

/** Processes of the simulator as it is: each takes a second of a core to start. */
const sound = [new SimProcess(), new SimProcess()] as const
test.after(() => {
  for (const process of sound) process.stop()
})

test('a few seeds, and those that failed once, hold', async () => {
  const seeds = new Set([...FEW, ...KEPT.seeds.map(({ seed }) => seed)]).values()
  const failures: string[] = []
  const work = async (process: SimProcess) => {
    for (const seed of seeds) {
      const { violation, tail } = (await process.run({ seed })).outcome
      if (violation) failures.push(`npm run sim -- --seed ${seed}: ${violation.message}\n${tail.slice(-20).join('\n')}`)
    }
  }
  await Promise.all(sound.map(work))
  assert.equal(failures, [])
})

test('a seed is replayed to the same trace by another process, whatever ran there before', async () => {
  const traces = async (process: SimProcess, seeds: readonly number[]) => {
    const hashes = new Map<number, string>()
    for (const seed of seeds) hashes.set(seed, (await process.run({ seed })).outcome.hash)
    return seeds.toSorted().map((seed) => hashes.get(seed))
  }
  const [first, second] = await Promise.all([traces(sound[0], [4, 5]), traces(sound[1], [5, 4])])
  assert.equal(first, second)
  assert.is.not(first[0], first[1])
})

for (const { name, harm } of MUTATIONS)
  test(`catches ${name}: ${harm}`, async () => {
    const kept = KEPT.mutations[name]
    assert.ok(kept, `seeds.json keeps no seed for it: npm run sim -- --mutation ${name}`)
    const planted = new SimProcess(name)
    try {
      const [healthy, ill] = await Promise.all([sound[0].run(kept), planted.run(kept)])
      assert.is(healthy.outcome.violation, undefined, 'the seed holds without the defect')
      assert.ok(ill.outcome.violation, `seed ${kept.seed} no longer catches it: npm run sim -- --mutation ${name}`)
    } finally {
      planted.stop()
    }
  })

test('a patch whose snippet is gone, or stands twice, is an error', () => {
  const patch = { file: 'x.ts', find: 'a()', replace: 'b()' }
  assert.is(patched('x; a(); y', patch), 'x; b(); y')
  assert.throws(() => patched('x; y', patch), /expected this snippet once/)
  assert.throws(() => patched('a(); a()', patch), /found it 2 times/)
})

test.run()
