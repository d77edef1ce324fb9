import { limit, toAividaError } from '../../../base/index.ts'
import { broken, type Check, type Finding, ok, warning } from '../check.ts'

const MiB = 1024 ** 2
const GiB = 1024 ** 3
/** Above this a receipt waits noticeably for its journal. */
const SLOW_SYNC_MS = 100
/** What journals and logs need to go on, whatever else is full. */
const RESERVE_BYTES = 4 * limit('logSegmentBytes')

/** File systems where a lock or a sync does not mean what it says, by magic number (`statfs(2)`). */
const NETWORK: Readonly<Record<number, string>> = {
  26985: 'NFS', // 0x6969
  20859: 'SMB', // 0x517b
  4266872130: 'SMB', // 0xfe534d42
  4283649346: 'SMB', // 0xff534d42
  16914839: '9p', // 0x01021997
  12805120: 'Ceph', // 0x00c36400
}
const MEMORY: Readonly<Record<number, string>> = { 16914836: 'tmpfs', 2240043254: 'ramfs' } // 0x01021994, 0x858458f6

/** Room for the budget, permission to write, how long a sync takes, and what kind of file system it is. */
export const diskCheck: Check = {
  name: 'disk',
  async run({ config, folder, machine, node }) {
    const { root } = folder
    const findings: Finding[] = []
    let syncMs: number
    try {
      syncMs = (await machine.trialWrite(root)).syncMs
    } catch (error) {
      return [unwritable(root, toAividaError(error))]
    }
    const { freeBytes, type } = await machine.fileSystem(root)
    const usedBytes = node?.disk.usedBytes ?? (await machine.usedBytes(folder)) ?? 0
    const missingBytes = config.diskBudgetBytes - usedBytes - freeBytes
    if (freeBytes < RESERVE_BYTES)
      findings.push(
        broken(
          `${inGiB(freeBytes)} are free below ${root}, and journals alone need ${inGiB(RESERVE_BYTES)}`,
          'free some space there, or use another data folder: --data-dir',
        ),
      )
    else if (usedBytes > config.diskBudgetBytes)
      findings.push(
        warning(
          `${inGiB(usedBytes)} are in use, more than the budget of ${inGiB(config.diskBudgetBytes)}`,
          'raise the budget: --disk-budget-bytes; or let jobs finish',
        ),
      )
    else if (missingBytes > 0)
      findings.push(
        warning(
          `${inGiB(freeBytes)} are free, and the budget of ${inGiB(config.diskBudgetBytes)} would take ${inGiB(missingBytes)} more`,
          `free some space, or promise less: --disk-budget-bytes ${Math.floor((usedBytes + freeBytes) / MiB)}MiB`,
        ),
      )
    if (syncMs > SLOW_SYNC_MS)
      findings.push(
        warning(
          `a sync of the disk takes ${Math.round(syncMs)} ms, and every receipt waits for one`,
          'use a local disk, best an SSD: --data-dir',
        ),
      )
    if (NETWORK[type])
      findings.push(
        warning(
          `${root} lies on a network file system (${NETWORK[type]}), where locks and syncs may not hold`,
          'use a local disk: --data-dir',
        ),
      )
    if (MEMORY[type])
      findings.push(
        warning(
          `${root} lies in memory (${MEMORY[type]}): keys and journals end with the machine`,
          'use a disk: --data-dir',
        ),
      )
    const room = `${inGiB(freeBytes)} free, ${inGiB(usedBytes)} of ${inGiB(config.diskBudgetBytes)} in use`
    return findings.length > 0 ? findings : [ok(`${room}, a sync takes ${syncMs.toFixed(1)} ms`)]
  },
}

function unwritable(root: string, { code, message }: { code: string; message: string }): Finding {
  if (code === 'disk.full') return broken(`nothing can be written below ${root}: it is full`, 'free some space there')
  if (code === 'system.not-a-folder') return broken(`${root} cannot be made: ${message}`)
  return broken(
    `nothing can be written below ${root} (${message})`,
    `check whose folder it is and its permissions (ls -ld '${root}'), or use another: --data-dir`,
  )
}

function inGiB(bytes: number): string {
  return bytes < GiB / 10 ? `${Math.round(bytes / MiB)} MiB` : `${(bytes / GiB).toFixed(1)} GiB`
}
