/**
 * The thread that hears a kernel's control channel and gives its heartbeat back, also while a cell computes: `control-line.ts`
 * starts it, and says what they tell each other. It reads nothing of what it hands on to the kernel's own thread; when that takes
 * nothing, because it computes, V8's inspector has it look between two steps of its code.
 *
 * Plain JavaScript and few modules: to read TypeScript takes 70 MB more on each thread, and in a process that started from a
 * snapshot Node 24 aborts when a second thread loads `node:crypto` or `node:v8`.
 */
import { workerData } from 'node:worker_threads'
import { Reply, Router } from 'zeromq'

const { controlAt, heartbeatAt, options, look, port, ended, turns, parent } = workerData
const { stuckMs, againMs, watchMs, graceMs, exitMs } = workerData
// Whoever calls `process.exit()` before this waits for no sockets.
if (Atomics.compareExchange(ended, 0, 0, 2) !== 0) process.exit()
const control = new Router(options)
const heartbeat = new Reply(options)
let handedOn = 0
let taken = 0
let lookSoon
let killSoon
let turn = -1
let isStuck = false

process.once('exit', () => {
  Atomics.store(ended, 0, 1)
  Atomics.notify(ended, 0)
})
port.on('message', ({ type, frames, messages }) => {
  if (type === 'send') control.send(frames).catch(() => {})
  else if (type === 'close') close()
  else if (type === 'ending') killIn(exitMs)
  else {
    taken = messages
    if (taken === handedOn) lookSoon = clearTimeout(lookSoon)
  }
})
setInterval(watch, watchMs).unref()
if ((await bound(control, controlAt)) && (await bound(heartbeat, heartbeatAt))) {
  port.postMessage({ type: 'open' })
  void echo()
  for await (const frames of control) {
    handedOn++
    port.postMessage({ type: 'message', frames })
    lookSoon ??= setTimeout(lookAtMessages, stuckMs, false)
  }
}

async function bound(socket, endpoint) {
  try {
    await socket.bind(endpoint)
    return true
  } catch ({ code, message }) {
    port.postMessage({ type: 'failed', endpoint, code, message })
    close()
    return false
  }
}

async function echo() {
  for await (const frames of heartbeat) await heartbeat.send(frames)
}

/** The kernel's thread takes up the rest when it is free; as long as it is not, it is stopped again. */
async function lookAtMessages(again) {
  const ends = await haveItLook({ type: 'messages', again })
  port.postMessage({ type: 'looked' })
  lookSoon = taken === handedOn ? undefined : setTimeout(lookAtMessages, againMs, true)
  if (ends) killIn(graceMs)
}

/** That the parent is gone, and signals, are the business of the kernel's thread, which may be busy. */
async function watch() {
  if (process.ppid !== parent && !killSoon) {
    killIn(graceMs)
    await haveItLook({ type: 'end' })
    port.postMessage({ type: 'looked' })
  }
  const before = turn
  turn = Atomics.load(turns, 0)
  if (turn !== before) isStuck = false
  else if (!isStuck) {
    isStuck = true
    await haveItLook({ type: 'stuck' })
  }
}

function killIn(ms) {
  clearTimeout(killSoon)
  killSoon = setTimeout(() => process.kill(process.pid, 'SIGKILL'), ms).unref()
}

async function haveItLook(ask) {
  const { Session } = await import('node:inspector')
  const session = new Session()
  session.connectToMainThread()
  const expression = `${look}(${JSON.stringify(ask)})`
  return new Promise((resolve) => {
    session.post('Runtime.evaluate', { expression, silent: true }, (_, evaluated) => {
      session.disconnect()
      resolve(evaluated?.result.value === true)
    })
  })
}

/** What was said still leaves. */
function close() {
  clearTimeout(lookSoon)
  control.close()
  heartbeat.close()
  port.close()
}
