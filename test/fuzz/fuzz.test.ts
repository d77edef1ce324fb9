// timeout: 120 s
import { globSync, readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AividaError, peerError } from '../../runtime/base/index.ts'
import { controlMessageSchema } from '../../runtime/protocol/index.ts'
import { campaign, corpusOf, inputOf, keepFinding } from './campaign.ts'
import { execute } from './execute.ts'
import type { Target } from './target.ts'
import { messages } from './targets/documents.ts'
import { TARGETS } from './targets.ts'
import { watchdog } from './watchdog.ts'

/** `npm run fuzz` takes another one each time. */
const SEED = 20_261_125
const EXECUTIONS = 80

const test = suite('fuzz')
const watch = watchdog()

test('every codec of the project has a target, and every type of control message a sample', () => {
  const named = globSync('runtime/**/*.ts').flatMap((file) => {
    const found = readFileSync(file, 'utf8').matchAll(/\bcodec\(\{\s*name: '([^']+)'/g)
    return Array.from(found, ([, name]) => name!.replaceAll(' ', '-'))
  })
  const covered = new Set(TARGETS.flatMap(({ name, covers = [name] }) => covers))
  assert.ok(named.length > 20)
  assert.equal(
    named.filter((name) => !covered.has(name)),
    [],
    'add a target to test/fuzz/targets.ts',
  )
  const types = controlMessageSchema.options.map(({ shape }) => shape.type.value)
  assert.equal([...types].sort(), [...messages.map(({ type }) => type)].sort(), 'add a message to targets/documents.ts')
})

test('every target has a name of its own', () => {
  assert.is(new Set(TARGETS.map(({ name }) => name)).size, TARGETS.length)
})

test('what honest software writes is taken, but for samples that are something else on purpose', async () => {
  const refusals = new Set<string>()
  for (const { name, samples, decode } of TARGETS)
    for (const { bytes, seal } of samples) {
      try {
        await decode(Uint8Array.from(seal ? seal(bytes) : bytes))
      } catch (error) {
        refusals.add(`${name} ${(error as AividaError).code}`)
      }
    }
  assert.equal([...refusals].sort(), [
    'arrow-rows source.column-missing',
    'arrow-rows source.malformed', // compressed by LZ4
    'key-file key.purpose',
    'key-file key.version',
    'membership membership.expired',
    'membership membership.issuer', // a request
  ])
})

test('inputs that once broke a decoder do so no more', async () => {
  let count = 0
  for (const target of TARGETS)
    for (const { name, input } of corpusOf(target)) {
      count++
      const verdict = await execute(target, input)
      assert.ok('outcome' in verdict, `${target.name}/${name}: ${JSON.stringify(verdict)}`)
    }
  assert.ok(count > 0, 'the corpus was found')
})

for (const target of TARGETS)
  test(`${target.name}: altered input is taken or refused by a typed error, at a bounded cost (seed ${SEED})`, async () => {
    const wanted = target.executions ?? EXECUTIONS
    const over = (executions: number) => executions >= wanted
    const { outcomes, finding } = await campaign(target, SEED, over, 0, (execution) =>
      watch(`npm run fuzz -- ${target.name} 0 ${SEED} ${execution}`),
    )
    watch(undefined)
    if (finding) assert.unreachable(`${finding.violation}\nreplay: ${finding.replay}\nkept as ${keepFinding(finding)}`)
    assert.ok(outcomes.size > 1 || target.takesAll, `only ${[...outcomes.keys()]}: the mutations do not reach into it`)
  })

/** Decoders that break each promise, some of the time. */
const broken: Readonly<Record<string, Target['decode']>> = {
  'threw RangeError': () => new Array(-1),
  'threw TypeError': () => JSON.stringify(1n),
  'of category internal': () => {
    throw new AividaError({ code: 'a.b', category: 'internal', message: '' })
  },
  'bytes of memory': () => {
    // Kept for good, and more than a collection that happens to come by can give back.
    for (let i = 0; i < 8; i++) hoard.push(new Float64Array(4 << 20))
  },
  'ms of CPU': () => {
    for (const before = process.threadCpuUsage(); process.threadCpuUsage(before).user < 2_050_000; );
  },
  'Object.prototype was changed': () =>
    Object.defineProperty(Object.prototype, 'evil', { value: 1, configurable: true }),
  'the input was changed': (bytes) => bytes.fill(1),
  'nobody heard': async () => {
    void Promise.reject(new Error('lost'))
    await new Promise((resolve) => setImmediate(resolve))
  },
  'a message of 20000 characters': () => {
    throw peerError('a.b', 'x'.repeat(20_000))
  },
}
const hoard: Float64Array[] = []

for (const [violation, decode] of Object.entries(broken))
  test(`a decoder is caught: ${violation}`, async () => {
    const target: Target = { name: 'broken', samples: [{ bytes: Buffer.from('abcdef') }], decode }
    const verdict = await execute(target, Buffer.from('abcdef'))
    Reflect.deleteProperty(Object.prototype, 'evil')
    assert.match('violation' in verdict ? verdict.violation : '', violation)
  })

test('an input is told by target, seed and number alone', () => {
  for (const target of TARGETS.slice(0, 5)) {
    assert.equal(inputOf(target, 1, 7), inputOf(target, 1, 7))
    assert.not.equal(inputOf(target, 1, 7), inputOf(target, 2, 7))
  }
  assert.ok(hoard.length > 0)
})

test.run()
