import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Commits, type OrderedPart } from '../../../runtime/job/coordinator/commits.ts'
import type { JobEntry } from '../../../runtime/job/journal/index.ts'

const commits = suite('commits')

/** Parts on a disk that works when told to. */
function bench(disk: { fails?: boolean } = {}) {
  const done: string[] = []
  const opened: (() => void)[] = []
  const parts = new Commits({
    journal: {
      append: async (...entries: readonly JobEntry[]) => {
        done.push(`journal ${entries.map((entry) => entry.type === 'part' && entry.part.index)}`)
      },
    },
    write: async (group) => {
      done.push(`write ${group.map(({ index }) => index)}`)
      await new Promise<void>((resolve) => opened.push(resolve))
      if (disk.fails) throw new Error('no space')
      return group.map(({ pieces }) => ({ ...pieces[0]!.order, file: '', sha256: '' }))
    },
    committed: (group) => done.push(`committed ${group.map(({ index }) => index)}`),
    failed: async (error) => void done.push(`failed: ${(error as Error).message}`),
    drained: () => {},
  })
  const add = (index: number) => parts.add(part(index))
  const turnDisk = async () => {
    opened.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { parts, add, done, turnDisk }
}

function part(index: number): OrderedPart {
  const outputs = { blob: '', sizeBytes: 1 }
  const order = { index, firstRow: index, rows: 1, shard: `shard-${index}`, outputs }
  return { index, pieces: [{ order, outputs: new Uint8Array(10), others: [], labels: undefined }] }
}

commits('what falls due while the disk works is written and journalled as one', async () => {
  const { parts, add, done, turnDisk } = bench()
  add(0)
  await turnDisk()
  for (const index of [2, 1, 3]) add(index)
  assert.equal([parts.waiting, parts.waitingBytes], [4, 40])
  await turnDisk()
  await turnDisk()
  await parts.settled()
  const groups = ['0', '2,1,3'].flatMap((group) => [`write ${group}`, `journal ${group}`, `committed ${group}`])
  assert.equal(done, groups)
  assert.equal([parts.waiting, parts.waitingBytes], [0, 0])
})

commits('what is to happen after a part waits for the journal', async () => {
  const { parts, add, done, turnDisk } = bench()
  add(0)
  parts.after(() => done.push('settled 0'))
  await turnDisk()
  assert.equal(done, ['write 0'])
  await turnDisk()
  await parts.settled()
  assert.equal(done.slice(1), ['journal 0', 'committed 0', 'settled 0'])
})

commits('a failed group is not journalled, and after a stop nothing is written', async () => {
  const { parts, add, done, turnDisk } = bench({ fails: true })
  add(0)
  await turnDisk()
  await turnDisk()
  assert.equal(done, ['write 0', 'failed: no space'])
  parts.stop()
  add(1)
  parts.after(() => done.push('after'))
  await parts.settled()
  assert.equal(done.slice(2), ['after'])
  assert.is(parts.waiting, 0)
})

commits.run()
