import { systemClock } from '../../runtime/base/clock.ts'
import { openLog } from '../../runtime/log/index.ts'

/** Appends from 16 callers until it is killed; says `SEQ VALUE` on standard output for each acknowledged entry. */
const [dir, run] = process.argv.slice(2)
const log = await openLog({ dir: dir!, segmentBytes: 64 * 1024 }, { clock: systemClock })
process.stdout.write('ready\n')
for (let caller = 0; caller < 16; caller++) void appendForever(caller)

async function appendForever(caller: number): Promise<void> {
  for (let i = 0; ; i++) {
    const values = Array.from({ length: 1 + (i % 3) }, (_, at) => `${run}.${caller}.${i}.${at}`.padEnd(20 + (i % 200)))
    const { firstSeq } = await log.append(values.map((value) => Buffer.from(value)))
    process.stdout.write(values.map((value, at) => `${firstSeq + at} ${value.trimEnd()}\n`).join(''))
  }
}
