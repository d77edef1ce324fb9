// timeout: 120 s
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HOPS } from '../../notebooks/tour/hops.ts'

const test = suite('npm run tour')

const ROOT = new URL('../../', import.meta.url)

test('every hop names a file that exports what does it', async () => {
  for (const { says, file, does } of HOPS) {
    const module: Record<string, unknown> = await import(new URL(file, ROOT).href)
    assert.type(module[does], 'function', `${says}: ${file} exports no ${does}`)
  }
})

test('every hop of a shard is overheard in real nodes, in order', async () => {
  const tour = fileURLToPath(new URL('notebooks/tour.ts', ROOT))
  const { stdout } = await promisify(execFile)(process.execPath, [tour, '0'])
  const shown = [...stdout.matchAll(/^ *([\d.]+) ms {2}(\S+) +(.*)\n +(\S+) {2}(\S+)$/gm)]
  const places = HOPS.map(({ says, file, does }) =>
    shown.findIndex(([, , , text, at, by]) => text!.startsWith(`${says}: `) && at === file && by === does),
  )
  assert.equal(
    HOPS.filter((_, hop) => places[hop] === -1),
    [],
    stdout,
  )
  const times = shown.map(([, ms]) => Number(ms))
  assert.equal(
    times,
    times.toSorted((a, b) => a - b),
  )
  assert.is(shown[0]![2], 'you')
  assert.match(
    stdout,
    /submitter +the lease is signed and sent: an offer of 1 to (worker-\d)[\s\S]*\n *[\d.]+ ms +\1 +the worker accepts/,
  )
  assert.match(stdout, /shard \w{10}…: 64 rows/)
})

test.run()
