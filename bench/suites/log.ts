import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../runtime/base/index.ts'
import { type Log, openLog } from '../../runtime/log/index.ts'
import { type Check, medianCheck, type Suite } from '../report.ts'

/** Bytes of one entry: a transfer between two accounts. */
const ENTRY_BYTES = 52
const CALLERS = [1, 64, 1_024] as const

/**
 * Durable appends a second, by callers that each wait for their own entry; beside it what the same disk gives a loop that
 * writes one frame and syncs it, interleaved.
 */
export const suite: Suite = async ({ full, say }) => {
  const folder = await mkdtemp(join(tmpdir(), 'aivida-bench-log-'))
  const rounds = full ? 7 : 3
  const roundMs = full ? 1_000 : 500
  try {
    await assertDurable(join(folder, 'check'))
    const rates = new Map<string, number[]>()
    const note = (name: string, rate: number) => rates.set(name, [...(rates.get(name) ?? []), rate])
    for (let round = 0; round < rounds; round++) {
      note('floor', await bareAppends(join(folder, `bare-${round}`), roundMs))
      for (const callers of CALLERS) {
        const dir = join(folder, `${callers}-${round}`)
        const log = await openLog({ dir }, { clock: systemClock })
        note(`appends_${callers}`, await appends(log, callers, roundMs))
        await log.close()
      }
      say(`round ${round + 1} of ${rounds}`)
    }
    const checks: Check[] = [...rates].map(([name, found]) =>
      medianCheck({ name: name === 'floor' ? 'bare_write_and_sync' : name, unit: '/s' }, found),
    )
    const floor = rates.get('floor')!
    checks.push(
      medianCheck(
        { name: 'lone_caller_to_bare', unit: 'x', goal: '>= 0.7' },
        rates.get('appends_1')!.map((rate, i) => rate / floor[i]!),
      ),
    )
    return { checks, seed: 0, n: rounds }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function appends(log: Log, callers: number, forMs: number): Promise<number> {
  const entry = new Uint8Array(ENTRY_BYTES).fill(7)
  const untilMs = performance.now() + forMs
  let count = 0
  const startMs = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < untilMs) {
        await log.append([entry])
        count++
      }
    }),
  )
  return count / ((performance.now() - startMs) / 1_000)
}

/** One frame of one entry after the other, each synced: what a lone caller could have at best. */
async function bareAppends(path: string, forMs: number): Promise<number> {
  const frame = new Uint8Array(248).fill(7)
  const file = await open(path, 'wx')
  const startMs = performance.now()
  let count = 0
  for (; performance.now() < startMs + forMs; count++) {
    await file.write(frame, 0, frame.byteLength, count * frame.byteLength)
    await file.datasync()
  }
  const rate = count / ((performance.now() - startMs) / 1_000)
  await file.close()
  return rate
}

/** What was appended is there after the log was opened anew. */
async function assertDurable(dir: string): Promise<void> {
  const log = await openLog({ dir }, { clock: systemClock })
  await Promise.all(Array.from({ length: 100 }, (_, i) => log.append([Uint8Array.of(i)])))
  await log.close()
  const again = await openLog({ dir }, { clock: systemClock })
  let next = 0
  for await (const { entry } of again.read(1))
    if (entry[0] !== next++) throw new Error(`entry ${next} is not what was appended`)
  await again.close()
  if (next !== 100) throw new Error(`${next} of 100 entries are there`)
}
