import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Clock } from '../base/index.ts'

/** The process as commands see it; tests bring their own. */
export interface Io {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  readonly platform: NodeJS.Platform
  /** Whether standard output is a terminal: progress bars instead of lines. */
  readonly isTerminal: boolean
  /** Width of the terminal, in characters. */
  readonly columns: number
  out(text: string): void
  err(text: string): void
  /** Asks a person without showing what they type; `undefined` when nobody sits at a terminal. */
  askSecret(question: string): Promise<string | undefined>
  /** Asks for yes or no; `undefined` when nobody sits at a terminal. */
  confirm(question: string): Promise<boolean | undefined>
  /** Fires on the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
}

/** Asks on the terminal with echo off; `undefined` when standard input or error is not a terminal. */
export async function askSecretOnTerminal(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

/** Asks on the terminal, where only a yes is one; `undefined` when standard input or error is not a terminal. */
export async function confirmOnTerminal(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}
