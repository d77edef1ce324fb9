import type { Io } from '../../runtime/cli/io.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A terminal in memory: what was printed, and a Ctrl-C to press. */
export interface FakeIo extends Io {
  readonly stdout: () => string
  readonly stderr: () => string
  interrupt(): void
}

/** See {@link FakeIo}. */
export function fakeIo(init: Partial<Io> = {}): FakeIo {
  let out = ''
  let err = ''
  const interrupted = new AbortController()
  return {
    clock: new VirtualClock(),
    env: {},
    cwd: '/work',
    home: '/home/ada',
    platform: 'linux',
    isTerminal: false,
    columns: 80,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    askSecret: async () => undefined,
    confirm: async () => undefined,
    signal: interrupted.signal,
    ...init,
    stdout: () => out,
    stderr: () => err,
    interrupt: () => interrupted.abort(),
  }
}
