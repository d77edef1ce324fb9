import type { Limit } from './limit.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** The bounds of the Jupyter kernel and of its client: rows of the one table, `LIMITS`. */
export const KERNEL_LIMITS = {
  kernelFrames: { value: 1_024, unit: 'count', reason: 'one message: routing, signature, four parts, and buffers' },
  kernelIdentities: { value: 16, unit: 'count', reason: 'hops between a front end and its kernel: one, in practice' },
  kernelMessageBytes: { value: 128 * MiB, unit: 'bytes', reason: 'one message; what a cell may put out, as JSON' },
  kernelQueue: {
    value: 10_000,
    unit: 'count',
    reason: 'cells that wait for the one that runs: a notebook, many times',
  },
  kernelExpressions: { value: 64, unit: 'count', reason: 'expressions to evaluate after one cell' },
  kernelOutputCharacters: {
    value: 16 * MiB,
    unit: 'characters',
    reason: 'one output: a large picture; the text of more is of no use to a reader, and freezes a browser',
  },
  kernelCellCharacters: {
    value: 64 * MiB,
    unit: 'characters',
    reason: 'all that one cell puts out: it is saved in the notebook; what is larger belongs in a file',
  },
  kernelStreamCharacters: {
    value: 64 * KiB,
    unit: 'characters',
    reason: 'text that waits for more, to be one message',
  },
  kernelStreamMs: { value: 20, unit: 'ms', reason: 'how long text waits for more: a reader does not see it' },
  kernelUnreadMessages: {
    value: 1_000,
    unit: 'count',
    reason:
      'unread by one front end before the others wait for it: a burst is no reason yet, some MB of live views are',
  },
  kernelWaitingMessages: {
    value: 10_000,
    unit: 'count',
    reason: 'that wait, whole, for a front end that reads slowly: a loop that updates a display 5,000 times, twice',
  },
  kernelWaitingBytes: { value: 16 * MiB, unit: 'bytes', reason: 'of them: many hundred states of a live view' },
  kernelStallMs: {
    value: 1_000,
    unit: 'ms',
    reason: 'a front end that read nothing for so long has stalled: those that read would wait no longer',
  },
  kernelStalledUpdateMs: {
    value: 10_000,
    unit: 'ms',
    reason:
      'from one update of a display to the next while a front end reads nothing: 200 MB a day, of a live view of 20 kB',
  },
  kernelSecretMs: {
    value: 1_000,
    unit: 'ms',
    reason: 'how long what may be half of a secret waits for the other half: a program writes it in one go',
  },
  kernelHistoryCells: { value: 10_000, unit: 'count', reason: 'cells of a session that are remembered' },
  kernelHistoryCharacters: { value: 16 * MiB, unit: 'characters', reason: 'their text and results' },
  kernelCloseMs: {
    value: 150,
    unit: 'ms',
    reason: 'to let go of what cells began: a kernel is gone 300 ms after asked',
  },
  kernelLingerMs: {
    value: 100,
    unit: 'ms',
    reason: 'for the last messages to leave; a front end on loopback takes one',
  },
  kernelControlMs: {
    value: 200,
    unit: 'ms',
    reason:
      'from the start until the control channel has a thread, without a cell: the front end has its first answers by then',
  },
  kernelStuckMs: {
    value: 100,
    unit: 'ms',
    reason:
      'from an interrupt until what computes is stopped, unless the kernel has taken it itself: it takes 1 ms when free',
  },
  kernelStuckAgainMs: {
    value: 1_000,
    unit: 'ms',
    reason: 'until what has caught its interrupt is stopped again: what cleans up behind an interrupt has had its time',
  },
  kernelParentMs: { value: 250, unit: 'ms', reason: 'how soon a kernel sees that whoever started it is gone' },
  kernelGraceMs: {
    value: 500,
    unit: 'ms',
    reason: 'for a kernel that computes to begin its end, before its own thread kills it: it takes 1 ms when stopped',
  },
  kernelStartMs: {
    value: 60_000,
    unit: 'ms',
    reason: 'from start to the first reply: 0.5 s, many times that under load',
  },
  kernelReplyMs: { value: 10_000, unit: 'ms', reason: 'a reply to anything but a cell, while no cell computes' },
  kernelExitMs: { value: 3_000, unit: 'ms', reason: 'a kernel that was asked to end, before it is killed' },
  kernelWordsCharacters: { value: 8 * KiB, unit: 'characters', reason: 'kept of what a kernel last wrote to stderr' },
  kernelRuns: { value: 1_000, unit: 'count', reason: 'ended cells that a client still takes output for' },
} as const satisfies Record<string, Limit>
