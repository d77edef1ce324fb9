import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** Whether the process runs: a dead one that its parent has not collected yet does not (only Linux tells, by /proc). */
export function isRunning(pid: number): boolean {
  return signal(pid, 0) && (process.platform !== 'linux' || stat(pid) !== undefined)
}

/** `name (pid)` of each running process of a group. */
export function groupMembers(groupId: number): string[] {
  if (!signal(-groupId, 0)) return []
  if (process.platform !== 'linux') return [`group (${groupId})`]
  return readdirSync('/proc').flatMap((pid) => {
    const found = /^\d+$/.test(pid) ? stat(Number(pid)) : undefined
    return found?.groupId === groupId ? [`${found.name} (${pid})`] : []
  })
}

/** The processes that a process has started itself and that still run. */
export function childrenOf(pid: number): number[] {
  if (process.platform !== 'linux')
    return spawnSync('pgrep', ['-P', `${pid}`], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean)
      .map(Number)
  return readdirSync('/proc').flatMap((id) => {
    const found = /^\d+$/.test(id) ? stat(Number(id)) : undefined
    return found?.parentId === pid ? [Number(id)] : []
  })
}

/** Ends a whole process group at once. */
export function killGroup(groupId: number): void {
  signal(-groupId, 'SIGKILL')
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** From /proc/PID/stat (proc(5)): undefined for a process that is gone or waits to be collected. */
function stat(pid: number): { name: string; parentId: number; groupId: number } | undefined {
  try {
    const [, name, state, parentId, groupId] = /^\d+ \((.*)\) (\S) (\d+) (\d+) /s.exec(
      readFileSync(`/proc/${pid}/stat`, 'utf8'),
    )!
    return state === 'Z' ? undefined : { name: name!, parentId: Number(parentId), groupId: Number(groupId) }
  } catch {
    return undefined
  }
}
