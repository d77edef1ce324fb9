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

const { controlAt, heartbeatAt, options, stuckMs, look, port, ended } = workerData
const control = new Router(options)
const heartbeat = new Reply(options)
let handedOn = 0
let lookSoon

process.once('exit', () => {
  Atomics.store(ended, 0, 1)
  Atomics.notify(ended, 0)
})
port.on('message', ({ type, frames, messages }) => {
  if (type === 'send') control.send(frames).catch(() => {})
  else if (type === 'close') close()
  else if (messages === handedOn) clearTimeout(lookSoon)
})
if ((await bound(control, controlAt)) && (await bound(heartbeat, heartbeatAt))) {
  port.postMessage({ type: 'open' })
  void echo()
  for await (const frames of control) {
    handedOn++
    port.postMessage({ type: 'message', frames })
    clearTimeout(lookSoon)
    lookSoon = setTimeout(haveItLook, stuckMs)
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

/** The kernel's thread takes up the rest when it is free. */
async function haveItLook() {
  const { Session } = await import('node:inspector')
  const session = new Session()
  session.connectToMainThread()
  session.post('Runtime.evaluate', { expression: look, silent: true }, () => {
    session.disconnect()
    port.postMessage({ type: 'looked' })
  })
}

/** What was said still leaves. */
function close() {
  clearTimeout(lookSoon)
  control.close()
  heartbeat.close()
  port.close()
}
