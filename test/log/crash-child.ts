import { systemClock } from '../../runtime/base/clock.ts'
import { openLog } from '../../runtime/log/index.ts'
import { crashKey } from './scratch.ts'

/**
 * Appends from 16 callers until it is killed, and lets old entries go after a snapshot now and then; says `SEQ VALUE` on
 * standard output for each acknowledged entry.
 */
const [dir, run] = process.argv.slice(2)
const log = await openLog({ dir: dir!, segmentBytes: 64 * 1024 }, { clock: systemClock, key: crashKey })
process.stdout.write('ready\n')
for (let caller = 0; caller < 16; caller++) void appendForever(caller)
void compactForever()

async function appendForever(caller: number): Promise<void> {
  for (let i = 0; ; i++) {
    const values = Array.from({ length: 1 + (i % 3) }, (_, at) => `${run}.${caller}.${i}.${at}`.padEnd(20 + (i % 200)))
    const { firstSeq } = await log.append(values.map((value) => Buffer.from(value)))
    process.stdout.write(values.map((value, at) => `${firstSeq + at} ${value.trimEnd()}\n`).join(''))
  }
}

async function compactForever(): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 40))
    const { tail } = log
    if (tail === 0) continue
    await log.snapshot(tail, Buffer.from(String(tail)))
    await log.dropBefore(tail - 2_000)
  }
}
