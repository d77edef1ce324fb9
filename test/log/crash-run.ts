import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/random.ts'
import { codeOf, openDir, scratchDir } from './scratch.ts'

/**
 * Lets a process append to one log and kills it, `runs` times over; then every acknowledged entry is in the log, once
 * and under its number. Returns how many there were.
 */
export async function crashRuns(runs: number, random: Random): Promise<number> {
  const dir = scratchDir()
  const acknowledged = new Map<number, string>()
  for (let run = 0; run < runs; run++) {
    for (const line of await killedWriter(dir, run, 20 + random.float() * 200)) {
      const [seq, value] = line.split(' ')
      acknowledged.set(Number(seq), value!)
    }
    await verify(dir, acknowledged)
  }
  return acknowledged.size
}

async function killedWriter(dir: string, run: number, afterMs: number): Promise<string[]> {
  const args = [join(import.meta.dirname, 'crash-child.ts'), dir, String(run)]
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await Promise.race([once(child.stdout, 'data'), ended])
  assert.is(await codeOf(openDir(dir)), 'log.in-use', 'the writer holds the log')
  setTimeout(() => child.kill('SIGKILL'), afterMs)
  const [, signal] = await ended
  assert.is(signal, 'SIGKILL', 'the writer ended by itself')
  return output.split('\n').slice(1, -1) // without `ready`; the last line may be cut
}

async function verify(dir: string, acknowledged: ReadonlyMap<number, string>): Promise<void> {
  const log = await openDir(dir)
  const values = new Set<string>()
  let found = 0
  for await (const { seq, entry } of log.read(1)) {
    const value = Buffer.from(entry).toString().trimEnd()
    assert.not(values.has(value), `${value} is there twice`)
    values.add(value)
    if (!acknowledged.has(seq)) continue
    assert.is(value, acknowledged.get(seq), `entry ${seq}`)
    found++
  }
  await log.close()
  assert.is(found, acknowledged.size, 'acknowledged entries are missing')
}
