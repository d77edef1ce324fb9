import { homedir } from 'node:os'
import { type Cell, type CellOutput, inCell } from '../../kernel/cell.ts'
import type { JobNews } from '../../kernel/job-news.ts'
import { openSession } from '../../kernel/session/open-session.ts'
import type { Session } from '../../kernel/session/session.ts'
import type { SessionGlobals } from '../../kernel/session/session-globals.ts'

/** A session of a data folder, whose live views are kept unread. */
export interface TestSession {
  readonly session: Session
  readonly cluster: SessionGlobals['cluster']
  readonly globals: SessionGlobals
  /** News of the jobs that were shown. */
  readonly shown: AsyncIterable<JobNews>[]
}

/** Opens a session as the kernel does, on the node of a data folder. */
export function testSession(dataDir: string, env: Readonly<Record<string, string>> = {}): TestSession {
  const shown: AsyncIterable<JobNews>[] = []
  const session = openSession({
    env: { AIVIDA_DATA_DIR: dataDir, ...env },
    system: { home: homedir(), cwd: process.cwd(), platform: process.platform },
    showJob: (news) => void shown.push(news),
  })
  const globals = session.globals as unknown as SessionGlobals
  return { session, cluster: globals.cluster, globals, shown }
}

/** A cell that ran, or was interrupted. */
export interface RanCell<T> {
  readonly value: T
  readonly outputs: readonly CellOutput[]
}

/** Runs something as a cell; `interrupt` ends it as the user does. */
export async function ranCell<T>(run: (interrupt: () => void) => T | Promise<T>, code?: string): Promise<RanCell<T>> {
  const outputs: CellOutput[] = []
  const aborting = new AbortController()
  const cell: Cell = {
    number: 1,
    signal: aborting.signal,
    put: (output) => void outputs.push(output),
    ...(code !== undefined && { code }),
  }
  return { value: await inCell(cell, () => run(() => aborting.abort())), outputs }
}
