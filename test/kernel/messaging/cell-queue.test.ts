import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Cell, currentCell } from '../../../kernel/cell.ts'
import type { MimeBundle } from '../../../kernel/display/mime-bundle.ts'
import type { Execution, Language } from '../../../kernel/language/language.ts'
import { CellQueue } from '../../../kernel/messaging/cell-queue.ts'
import type { ExecuteRequest } from '../../../kernel/messaging/requests.ts'
import { systemClock } from '../../../runtime/base/index.ts'

const queue = suite('queue of cells')

queue('runs one cell at a time, in order, and counts those that are stored', async () => {
  const { run, log } = open(async (code, cell) => {
    log.push(`start ${code}`)
    await systemClock.turn()
    cell.put({ type: 'stream', name: 'stdout', text: `in ${code}` })
    return { status: 'ok', value: code }
  })
  await Promise.all([run('a'), run('b', { store_history: false }), run('c')])
  assert.equal(log, [
    ...['busy', 'input 1', 'start a', 'stream in a', 'result 1 a', 'ok 1', 'idle'],
    ...['busy', 'input 1', 'start b', 'stream in b', 'result 1 b', 'ok 1', 'idle'],
    ...['busy', 'input 2', 'start c', 'stream in c', 'result 2 c', 'ok 2', 'idle'],
  ])
})

queue('a silent cell shows and counts nothing, and is answered', async () => {
  const { run, log, cells } = open(async (code, cell) => {
    cell.put({ type: 'stream', name: 'stdout', text: 'unheard' })
    return code === 'bad' ? failure : { status: 'ok', value: 1 }
  })
  await run('good', { silent: true })
  await run('bad', { silent: true, store_history: true })
  assert.equal(log, ['busy', 'ok 0', 'idle', 'busy', 'error 0 Failure', 'idle'])
  assert.is(
    cells.history.find({ type: 'history_request', output: false, hist_access_type: 'tail', unique: false }).length,
    0,
  )
})

queue('an error aborts the cells that wait at that moment, and no later one', async () => {
  const { run, log } = open(async (code) => (code === 'bad' ? failure : { status: 'ok' }))
  const first = run('bad')
  await Promise.all([first.then(() => run('later')), run('waiting'), run('too')])
  assert.equal(log, [
    ...['busy', 'input 1', 'shown Failure', 'error 1 Failure', 'idle'],
    ...['busy', 'aborted 1', 'idle', 'busy', 'aborted 1', 'idle'],
    ...['busy', 'input 2', 'ok 2', 'idle'],
  ])
})

queue('with stop_on_error off the next cell runs', async () => {
  const { run, log } = open(async (code) => (code === 'bad' ? failure : { status: 'ok' }))
  await Promise.all([run('bad', { stop_on_error: false }), run('good')])
  assert.equal(
    log.filter((line) => /^(ok|error|aborted)/.test(line)),
    ['error 1 Failure', 'ok 2'],
  )
})

queue('an interrupt aborts the signal of the cell that runs, and of no other', async () => {
  const signals: AbortSignal[] = []
  const { run, cells, log } = open(async (_, { signal }) => {
    signals.push(signal)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    return { ...failure, name: 'KeyboardInterrupt' }
  })
  cells.interrupt() // nothing runs
  const running = run('wait', { stop_on_error: false })
  const next = run('next')
  cells.interrupt()
  await running
  assert.is(signals[1]?.aborted, false)
  cells.interrupt()
  await next
  cells.interrupt()
  assert.is(log.filter((line) => line.includes('error')).length, 2)
})

queue('a cell that a signal ended has its own signal aborted, as one that was waiting', async () => {
  const signals: AbortSignal[] = []
  const { run } = open(async (code, { signal }) => {
    signals.push(signal)
    return { ...failure, name: code }
  })
  await run('KeyboardInterrupt')
  await run('Failure')
  assert.equal(
    signals.map(({ aborted }) => aborted),
    [true, false],
  )
})

queue('a value is shown as part of its cell; one that cannot be shown is an error', async () => {
  const { run, log } = open(async (code, cell) => ({
    status: 'ok',
    value: code === 'bad' ? 'unshowable' : () => currentCell() === cell,
  }))
  await run('good')
  await run('bad')
  assert.equal(
    log.filter((line) => line.startsWith('result')),
    ['result 1 true'],
  )
  assert.ok(log.includes('error 2 TypeError'), log.join())
})

queue('a defect of the language is an error of the cell', async () => {
  const { run, log } = open(() => {
    throw new RangeError('defect')
  })
  await run('x')
  assert.ok(log.includes('error 1 RangeError'))
})

queue('user expressions come with the reply, each with its value or its error, and write nothing', async () => {
  const { run, log, replies } = open(async (code, cell) => {
    cell.put({ type: 'stream', name: 'stdout', text: code })
    return code === 'bad' ? failure : { status: 'ok', value: code === 'nothing' ? undefined : code }
  })
  await run('cell', { user_expressions: { a: 'good', b: 'bad', c: 'nothing' } })
  const { a, b, c } = replies[0]!.user_expressions as Record<string, { status: string; data?: object; ename?: string }>
  assert.equal(a, { status: 'ok', data: { 'text/plain': 'good' }, metadata: {} })
  assert.is(b?.ename, 'Failure')
  assert.equal(c?.data, { 'text/plain': 'undefined' })
  assert.equal(
    log.filter((line) => line.startsWith('stream')),
    ['stream cell'],
  )
  await run('bad', { user_expressions: { a: 'good' } })
  assert.is(replies[1]!.user_expressions, undefined, 'not after an error')
})

queue.run()

const failure: Execution = { status: 'error', name: 'Failure', message: 'm', traceback: ['t'] }

function open(execute: (code: string, cell: Cell) => Promise<Execution>) {
  const log: string[] = []
  const replies: Readonly<Record<string, unknown>>[] = []
  const language = { execute } as unknown as Language
  const render = (value: unknown) => ({
    'text/plain': value === 'unshowable' ? (value as never as () => string)() : text(value),
  })
  const cells = new CellQueue(language, render, systemClock)
  const publish = (type: string, content: Readonly<Record<string, unknown>>) => {
    if (type === 'execute_input') log.push(`input ${content.execution_count}`)
    else if (type === 'stream') log.push(`stream ${content.text}`)
    else if (type === 'execute_result')
      log.push(`result ${content.execution_count} ${(content.data as MimeBundle)['text/plain']}`)
    else log.push(`shown ${content.ename}`)
  }
  const run = (code: string, options: Partial<ExecuteRequest> = {}) =>
    new Promise<void>((resolve) => {
      const request: ExecuteRequest = {
        ...{
          type: 'execute_request',
          code,
          silent: false,
          store_history: true,
          user_expressions: {},
          stop_on_error: true,
        },
        ...options,
      } as ExecuteRequest
      const end = (reply: Readonly<Record<string, unknown>>) => {
        replies.push(reply)
        log.push(
          [reply.status, reply.execution_count, reply.ename].filter((part) => part !== undefined).join(' '),
          'idle',
        )
        resolve()
      }
      cells.add({ request, publish, begin: () => log.push('busy'), end })
    })
  return { run, cells, log, replies }
}

function text(value: unknown): string {
  return String(typeof value === 'function' ? value() : value)
}
