import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Random } from '../../runtime/base/random.ts'
import { codeOf, crashKey, openDir, scratchDir } from './scratch.ts'

/**
 * Lets a process append to one log and kills it, `runs` times over; then every acknowledged entry is in the log, once
 * and under its number, as far as no snapshot covers it. Returns how many there were.
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
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'pipe', 'inherit'] })
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
  const log = await openDir(dir, { key: crashKey })
  const values = new Set<string>()
  let found = 0
  const snapshot = await log.lastSnapshot()
  assert.ok(log.first <= (snapshot?.seq ?? 0) + 1, `entries before ${log.first} are covered by no snapshot`)
  if (snapshot) assert.is(Buffer.from(snapshot.bytes).toString(), String(snapshot.seq))
  for await (const { seq, entry } of log.read(log.first)) {
    const value = Buffer.from(entry).toString().trimEnd()
    assert.not(values.has(value), `${value} is there twice`)
    values.add(value)
    if (!acknowledged.has(seq)) continue
    assert.is(value, acknowledged.get(seq), `entry ${seq}`)
    found++
  }
  const kept = [...acknowledged.keys()].filter((seq) => seq >= log.first).length
  await log.close()
  assert.is(found, kept, 'acknowledged entries are missing')
}
