import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/**
 * Which of these processes has the socket bound to a local port, from /proc (proc(5)); `undefined` when none has, or
 * where there is no /proc. Nodes dial from ports of their system's choice, so this is how a sender is known.
 */
export function socketOwner(kind: 'udp' | 'tcp', port: number, pids: Iterable<number>): number | undefined {
  const inode = inodeOf(kind, port)
  if (inode === undefined) return undefined
  for (const pid of pids) if (holds(pid, `socket:[${inode}]`)) return pid
  return undefined
}

function inodeOf(kind: 'udp' | 'tcp', port: number): string | undefined {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const family of ['', '6'])
    for (const line of lines(`/proc/net/${kind}${family}`)) {
      const fields = line.trim().split(/\s+/)
      if (fields[1]?.endsWith(hex) && fields[9] !== '0') return fields[9]
    }
  return undefined
}

function holds(pid: number, link: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === link
      } catch {
        return false // closed meanwhile
      }
    })
  } catch {
    return false // the process is gone
  }
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1)
  } catch {
    return []
  }
}
