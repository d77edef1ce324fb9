import { currentCell } from '../cell.ts'
import { install } from './npm-install.ts'

/** What magics do that no variable of the session does. Cells find it under {@link ACTIONS}. */
export interface MagicActions {
  /** `%%time`: says how long the cell took, when it has ended. */
  timeCell(): void
  /** `%time`: runs something and says how long it took. */
  time<T>(run: () => T | Promise<T>): Promise<T>
  /** `%npm install ...` */
  npm(args: string): Promise<void>
}

/** Where cells find {@link MagicActions}: a name that is no variable. */
export const ACTIONS: unique symbol = Symbol.for('aivida.magics') as never
/** The same as the code of a cell says it: of type `any`, and without a bracket in front, which behind `await` would be a call. */
export const ACTIONS_CODE = "Object(globalThis)[Symbol.for('aivida.magics')]"

/** Puts the actions where cells find them. */
export function installActions(): void {
  Object.defineProperty(globalThis, ACTIONS, { value: actions, configurable: true })
}

const actions: MagicActions = {
  timeCell() {
    const cell = currentCell()
    const end = stopwatch()
    cell?.ended?.then(end)
  },
  async time(run) {
    const end = stopwatch()
    try {
      return await run()
    } finally {
      end()
    }
  },
  npm: install,
}

/** Begins to measure; the function that it gives says what it came to. */
function stopwatch(): () => void {
  const cell = currentCell()
  const startMs = performance.now()
  const startCpu = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(startCpu)
    const text = `took ${durationText(performance.now() - startMs)}, ${durationText((user + system) / 1_000)} of computing in the kernel\n`
    cell?.put({ type: 'stream', name: 'stderr', text })
  }
}

function durationText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`
}
