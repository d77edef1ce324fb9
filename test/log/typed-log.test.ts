import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { codec } from '../../runtime/base/encoding.ts'
import { memoryLogHome, memoryLogStore, openLog, typedLog } from '../../runtime/log/index.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { codeOf, entries } from './scratch.ts'

const noteCodec = codec({ name: 'note', schema: z.object({ text: z.string() }) })

test('values come back as they were appended', async () => {
  const log = await openLog(memoryLogStore(memoryLogHome()), { clock: new VirtualClock() })
  const notes = typedLog(log, noteCodec)
  assert.equal(await notes.append([{ text: 'a' }, { text: 'b' }]), { firstSeq: 1 })
  const found = await Array.fromAsync(notes.read(1))
  assert.equal(found, [
    { seq: 1, epoch: 1, value: { text: 'a' } },
    { seq: 2, epoch: 1, value: { text: 'b' } },
  ])
})

test('an entry of another format is refused', async () => {
  const log = await openLog(memoryLogStore(memoryLogHome()), { clock: new VirtualClock() })
  await log.append(entries('not a note'))
  assert.is(await codeOf(Array.fromAsync(typedLog(log, noteCodec).read(1))), 'encoding.malformed')
})

test.run()
