import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { PortAddress } from './machine.ts'

const LISTENING: Readonly<Record<PortAddress['protocol'], string>> = { tcp: '0A', udp: '07' }

/**
 * The program that listens at a port, as `"NAME" (pid N)`: from /proc, so on Linux alone, and as far as this user may
 * look (`undefined` for the processes of others).
 */
export function portHolder({ protocol, port }: PortAddress): string | undefined {
  try {
    const inodes = new Set([protocol, `${protocol}6`].flatMap((table) => listenersIn(table, protocol, port)))
    if (inodes.size === 0) return undefined
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      if (holdsAny(pid, inodes)) return `"${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}" (pid ${pid})`
  } catch {
    // no /proc here, or the process has ended meanwhile
  }
  return undefined
}

/** Inodes of the sockets that listen at the port, from lines `sl local_address rem_address st ... inode`. */
function listenersIn(table: string, protocol: PortAddress['protocol'], port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync(`/proc/net/${table}`, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hexPort}`) && state === LISTENING[protocol])
    .flatMap((fields) => fields[9] ?? [])
}

function holdsAny(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    })
  } catch {
    return false // another user's
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
