import { AsyncLocalStorage } from 'node:async_hooks'
import type { MimeBundle } from './display/mime-bundle.ts'

/**
 * What a cell puts out, as the kernel sends it on (https://jupyter-client.readthedocs.io/en/stable/messaging.html, "Messages on
 * the IOPub channel"). A `displayId` makes what is shown replaceable by a later update, in whichever cell it stands.
 * `isLive`: an update is sure to follow, since something goes on.
 */
export type CellOutput =
  | { readonly type: 'stream'; readonly name: 'stdout' | 'stderr'; readonly text: string }
  | { readonly type: 'display'; readonly bundle: MimeBundle; readonly displayId?: string; readonly isLive?: boolean }
  | { readonly type: 'update'; readonly bundle: MimeBundle; readonly displayId: string; readonly isLive?: boolean }
  | { readonly type: 'result'; readonly bundle: MimeBundle }
  | { readonly type: 'clear'; readonly wait: boolean }

/** A cell from when it is run on; what it began in the background goes on being its own. */
export interface Cell {
  /** Its execution count: the n of `In[n]`. */
  readonly number: number
  /** As it was typed: a training that it submits keeps it for its record. Absent where nobody typed it. */
  readonly code?: string
  /** Aborted when the user interrupts the kernel while the cell runs; never after it has ended. */
  readonly signal: AbortSignal
  /** Resolves when its code has ended, well or not, before its result is shown. Absent where nobody runs it. */
  readonly ended?: Promise<void>
  /** Puts something out, in order, in this cell's place. Never throws, never waits. */
  put(output: CellOutput): void
}

const cells = new AsyncLocalStorage<Cell>()

/** The cell that the calling code belongs to, also after an `await` or in a timer; `undefined` outside of all cells. */
export function currentCell(): Cell | undefined {
  return cells.getStore()
}

/** Runs something that is no cell's, whoever calls. */
export function outsideCells(run: () => void): void {
  cells.exit(run)
}

/** Runs something as part of a cell. */
export function inCell<T>(cell: Cell, run: () => T): T {
  return cells.run(cell, run)
}
