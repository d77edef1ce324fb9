import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { limit } from '../../../base/limits.ts'
import { CHANNEL_FD, type Command, LIFELINE_FD } from './command.ts'
import { emptyFolder } from './empty-folder.ts'
import { died, type Exit } from './endings.ts'

/** A running child as its parent sees it; tests bring their own. */
export interface EngineProcess {
  readonly pid: number | undefined
  /** Frames both ways. */
  readonly channel: Duplex
  readonly exited: Promise<Exit>
  /** Ends the child and whatever it started, at once. */
  kill(): void
  /** Resident memory now; `undefined` where the system doesn't tell. */
  residentBytes(): number | undefined
  /** Whether this child keeps the parent from exiting by itself. */
  hold(held: boolean): void
}

/** Starts a command as the leader of its own process group, in an empty folder, with nothing inherited but descriptors. */
export function spawnEngine({ file, args, env }: Command): EngineProcess {
  const child = spawn(file, args, {
    cwd: emptyFolder(),
    env,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  const exited = exitOf(child)
  // Out of descriptors, there are no streams at all.
  if (!child.stdio) throw died({ lastWords: 'too many open files' }, undefined)
  const channel = child.stdio[CHANNEL_FD] as Socket
  const lifeline = child.stdio[LIFELINE_FD] as Socket
  for (const stream of [channel, lifeline]) stream.on('error', () => {}) // the exit tells
  lifeline.unref()
  return {
    pid: child.pid,
    channel,
    exited: exited.finally(() => lifeline.destroy()),
    kill: () => killGroup(child),
    residentBytes: () => residentBytes(child.pid),
    hold(held) {
      const verb = held ? 'ref' : 'unref'
      child[verb]()
      channel[verb]()
      ;(child.stderr as Socket)[verb]()
    },
  }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  const lastWords = child.stderr ? tailOf(child.stderr) : async () => ''
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ lastWords: error.message }))
    child.once('exit', async (code, signal) => {
      killGroup(child) // whatever it may have left behind, which could also hold stderr open
      resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }), lastWords: await lastWords() })
    })
  })
}

/** Keeps the last bytes of a stream; the returned function waits for its end. */
function tailOf(stream: Readable): () => Promise<string> {
  let tail = Buffer.alloc(0)
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-limit('engineWordsBytes'))
  })
  const closed = new Promise((resolve) => stream.once('close', resolve))
  return () => closed.then(() => tail.toString('utf8').trim())
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL')
  } catch {
    // gone already
  }
}

/** Linux: pages of proc(5) statm. Elsewhere unknown. */
function residentBytes(pid: number | undefined): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES
  } catch {
    return undefined
  }
}

/** What x64 and nearly every arm64 Linux uses; larger pages make the limit stricter, never looser. */
const PAGE_BYTES = 4096
