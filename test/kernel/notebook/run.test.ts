import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ExecuteReply, RunOutput } from '../../../kernel/client/index.ts'
import {
  formatNotebook,
  type NotebookKernel,
  NotebookRun,
  parseNotebook,
  type RunListener,
} from '../../../kernel/notebook/index.ts'
import { LIMITS } from '../../../runtime/base/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const run = suite('a run of a notebook')

type Behaviour = (put: (message: RunOutput) => void) => Promise<ExecuteReply> | ExecuteReply

/** A kernel whose cells do what a table says, by their source. */
function kernelOf(cells: Readonly<Record<string, Behaviour>>, interrupt = async () => {}): NotebookKernel {
  return {
    languageInfo: { name: 'typescript' },
    execute: async (code, put) => cells[code]!(put),
    interrupt,
  }
}

function notebookOf(...cells: readonly (string | { source: string; tags: readonly string[] })[]) {
  const whole = cells.map((cell) => ({
    cell_type: 'code',
    source: typeof cell === 'string' ? cell : cell.source,
    metadata: typeof cell === 'string' ? {} : { tags: cell.tags },
    execution_count: 9,
    outputs: [{ output_type: 'stream', name: 'stdout', text: 'of an earlier run' }],
  }))
  const text = { cell_type: 'markdown', source: 'text', metadata: {} }
  const content = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [text, ...whole] }
  return parseNotebook(JSON.stringify(content), 'a.ipynb').notebook
}

const silent: RunListener = { began() {}, ended() {}, changed() {} }
const quiet = () => ({ clock: new VirtualClock(), signal: new AbortController().signal, listener: silent })
const ok = (count: number): ExecuteReply => ({ status: 'ok', execution_count: count, user_expressions: {} })
const say = (text: string, name: 'stdout' | 'stderr' = 'stdout'): RunOutput => ({ type: 'stream', name, text })
const show = (text: string, displayId: string): RunOutput => ({
  type: 'display_data',
  data: { 'text/plain': text },
  metadata: {},
  transient: { display_id: displayId },
})
const outputsOf = (made: NotebookRun) => made.notebook.cells.slice(1).map(({ outputs }) => outputs)
const text = (name: string, text: string) => ({ output_type: 'stream', name, text })

run('text is merged by stream, results are counted, what an earlier run left is gone', async () => {
  const kernel = kernelOf({
    a: (put) => {
      for (const message of [say('1'), say('2\n'), say('!', 'stderr'), say('3')]) put(message)
      put({ type: 'execute_result', data: { 'text/plain': '7' }, metadata: {}, transient: {}, execution_count: 4 })
      return ok(4)
    },
    b: () => ok(5),
  })
  const made = new NotebookRun(notebookOf('a', 'b'), { kernel, ...quiet() })
  await made.run()
  assert.equal(outputsOf(made), [
    [
      text('stdout', '12\n'),
      text('stderr', '!'),
      text('stdout', '3'),
      { output_type: 'execute_result', data: { 'text/plain': '7' }, metadata: {}, execution_count: 4 },
    ],
    [],
  ])
  assert.equal(
    made.notebook.cells.map((cell) => cell.execution_count),
    [undefined, 4, 5],
  )
  assert.equal(made.notebook.metadata.language_info, { name: 'typescript' })
})

run('what a cell puts out after its end is its own, and an update is seen wherever the display is', async () => {
  let later = (_: RunOutput) => {}
  const kernel = kernelOf({
    a: (put) => {
      later = put
      put(show('0 %', 'bar'))
      return ok(1)
    },
    b: (put) => {
      later(say('still a'))
      put(show('0 % again', 'bar'))
      put({
        type: 'update_display_data',
        data: { 'text/plain': '100 %' },
        metadata: {},
        transient: { display_id: 'bar' },
      })
      put({
        type: 'update_display_data',
        data: { 'text/plain': 'nobody' },
        metadata: {},
        transient: { display_id: 'unknown' },
      })
      return ok(2)
    },
  })
  const made = new NotebookRun(notebookOf('a', 'b'), { kernel, ...quiet() })
  await made.run()
  const done = { output_type: 'display_data', data: { 'text/plain': '100 %' }, metadata: {} }
  assert.equal(outputsOf(made), [[done, text('stdout', 'still a')], [done]])
  assert.not.match(formatNotebook(made.notebook), 'displayId')
})

run('outputs are cleared at once, or when the next one comes', async () => {
  const kernel = kernelOf({
    a: (put) => {
      put(say('old'))
      put({ type: 'clear_output', wait: true })
      return ok(1)
    },
    b: (put) => {
      put(say('old'))
      put({ type: 'clear_output', wait: true })
      put(say('new'))
      return ok(2)
    },
    c: (put) => {
      put(say('old'))
      put({ type: 'clear_output', wait: false })
      return ok(3)
    },
  })
  const made = new NotebookRun(notebookOf('a', 'b', 'c'), { kernel, ...quiet() })
  await made.run()
  assert.equal(outputsOf(made), [[text('stdout', 'old')], [text('stdout', 'new')], []])
})

const fail: Behaviour = (put) => {
  const error = {
    ename: 'TypeError',
    evalue: 'no rows',
    traceback: ['\x1b[31mTypeError: no rows\x1b[0m', '  cell 1:2'],
  }
  put({ type: 'error', ...error })
  return { status: 'error', execution_count: 1, ...error }
}

run('the first cell that fails ends it, with its traceback; one that may does not', async () => {
  const kernel = kernelOf({ a: fail, b: () => ok(2) })
  const made = new NotebookRun(notebookOf({ source: 'a', tags: ['raises-exception'] }, 'b', 'a', 'b'), {
    kernel,
    ...quiet(),
  })
  await rejects(made.run(), 'notebook.cell-failed', /^cell 3 failed:\nTypeError: no rows\n {2}cell 1:2$/)
  assert.equal(
    made.notebook.cells.map((cell) => cell.execution_count),
    [undefined, 1, 2, 1, null],
  )
  assert.is(outputsOf(made)[2]![0]!.ename, 'TypeError')
})

run('a cell that is not to be run is passed over', async () => {
  const kernel = kernelOf({ b: () => ok(1) })
  await new NotebookRun(notebookOf({ source: 'a', tags: ['skip-execution'] }, 'b'), { kernel, ...quiet() }).run()
})

run('an interrupt reaches the cell, which may still say what became of its job', async () => {
  const interrupted = Promise.withResolvers<void>()
  const kernel = kernelOf(
    {
      a: async (put) => {
        await interrupted.promise
        put(say('cancelled'))
        return fail(put)
      },
    },
    async () => interrupted.resolve(),
  )
  const stop = new AbortController()
  const made = new NotebookRun(notebookOf('a', 'a'), { kernel, ...quiet(), signal: stop.signal })
  const ended = made.run()
  stop.abort()
  await rejects(ended, 'aborted', /interrupted at cell 1/)
  assert.equal(outputsOf(made)[0]![0], text('stdout', 'cancelled'))
})

run('what an interrupt makes of a job is waited for, as its view shows it, and no longer than a moment', async () => {
  for (const isTold of [true, false]) {
    const clock = new VirtualClock()
    const interrupted = Promise.withResolvers<void>()
    let later = (_: RunOutput) => {}
    const view = (type: 'display_data' | 'update_display_data', text: string, isLive: boolean): RunOutput => ({
      type,
      data: { 'text/plain': text },
      metadata: {},
      transient: { display_id: 'job', ...(isLive && { aivida_live: true }) },
    })
    const kernel = kernelOf(
      {
        a: async (put) => {
          later = put
          put(view('display_data', 'running', true))
          await interrupted.promise
          return fail(put)
        },
      },
      async () => interrupted.resolve(),
    )
    const stop = new AbortController()
    const made = new NotebookRun(notebookOf('a'), { kernel, ...quiet(), clock, signal: stop.signal })
    let hasEnded = false
    const refused = rejects(made.run(), 'aborted', /interrupted at cell 1/).finally(() => {
      hasEnded = true
    })
    stop.abort()
    await clock.advanceAsync(LIMITS.notebookLastWordsMs.value - 1)
    assert.not(hasEnded)
    later(view('update_display_data', 'cancelled', !isTold))
    if (!isTold) await clock.advanceAsync(1)
    await refused
    assert.equal(outputsOf(made)[0]![0]!.data, { 'text/plain': 'cancelled' })
  }
})

run('a cell that takes too long is interrupted, and one that does not heed it is given up', async () => {
  const clock = new VirtualClock()
  let interrupts = 0
  const kernel = kernelOf({ a: () => new Promise(() => {}) }, async () => void interrupts++)
  const ended = new NotebookRun(notebookOf('a'), { kernel, ...quiet(), clock, timeoutMs: 500 }).run()
  const refused = rejects(ended, 'timeout', /cell 1 took longer than 500 ms/)
  await clock.advanceAsync(500)
  assert.is(interrupts, 1)
  await clock.advanceAsync(LIMITS.notebookInterruptMs.value)
  await refused
})

run('a hundred megabytes of output are a note in the file', async () => {
  const line = `${'x'.repeat(99)}\n`
  const kernel = kernelOf({
    a: (put) => {
      for (let i = 0; i < 1_000_000; i++) put(say(line))
      put(show('y'.repeat(1_000), 'late'))
      return ok(1)
    },
  })
  const made = new NotebookRun(notebookOf('a'), { kernel, ...quiet() })
  await made.run()
  const outputs = outputsOf(made)[0]!
  assert.is(outputs.length, 2)
  assert.match(String(outputs[1]!.text), /^\n\[89\d{6} more characters of output were left out/)
  assert.ok(formatNotebook(made.notebook).length < 1.2 * LIMITS.notebookCellCharacters.value)
})

run('a display that is drawn over and over takes no more room than its last state', async () => {
  const big = 'z'.repeat(1_000_000)
  const kernel = kernelOf({
    a: (put) => {
      put(show(big, 'bar'))
      for (let i = 0; i < 50; i++)
        put({
          type: 'update_display_data',
          data: { 'text/plain': `${i}${big}` },
          metadata: {},
          transient: { display_id: 'bar' },
        })
      return ok(1)
    },
  })
  const made = new NotebookRun(notebookOf('a'), { kernel, ...quiet() })
  await made.run()
  assert.equal(outputsOf(made)[0], [{ output_type: 'display_data', data: { 'text/plain': `49${big}` }, metadata: {} }])
})

run.run()

async function rejects(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.unreachable('expected it to fail'),
    (thrown) => thrown,
  )
  assert.is(error.code, code)
  assert.match(error.message, message)
}
