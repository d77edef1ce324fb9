import { Worker } from 'node:worker_threads'

/** Longer than any honest decoder takes, on a machine that is busy with other things. */
const HANG_MS = 30_000

/**
 * A thread that sees a decoder hang: it says how to see it again and ends the process. Returns how to tell it what runs
 * now, or that nothing does.
 */
export function watchdog(hangMs = HANG_MS): (replay: string | undefined) => void {
  const shared = new Int32Array(new SharedArrayBuffer(8))
  const text = new Uint8Array(new SharedArrayBuffer(256))
  const worker = new Worker(WATCH, { eval: true, workerData: { shared, text, hangMs } })
  worker.unref()
  let count = 0
  return (replay) => {
    if (replay === undefined) return void Atomics.store(shared, 0, 0)
    const { written } = new TextEncoder().encodeInto(replay, text)
    Atomics.store(shared, 1, written)
    count = (count % 1_000_000_000) + 1
    Atomics.store(shared, 0, count)
  }
}

const WATCH = `
  const { workerData: { shared, text, hangMs } } = require('node:worker_threads')
  let [last, idleMs] = [0, 0]
  setInterval(() => {
    const now = Atomics.load(shared, 0)
    idleMs = now === last ? idleMs + 500 : 0
    last = now
    if (now === 0 || idleMs < hangMs) return
    const replay = Buffer.from(text.slice(0, Atomics.load(shared, 1))).toString()
    require('node:fs').writeSync(2, 'HUNG for ' + hangMs + ' ms: ' + replay + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }, 500)
`
