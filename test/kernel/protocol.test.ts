// timeout: 120 s
/**
 * The kernel as Jupyter meets it: its own process, over ZeroMQ. The first four groups are what
 * https://github.com/runtimed/kernel-testbed asks of any kernel, tier by tier.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { KernelClient, RunOutput } from '../../kernel/client/index.ts'
import type { Message } from '../../kernel/messaging/message.ts'
import { startRealKernel } from '../support/kernels.ts'

interface Context {
  kernel: KernelClient
}

const basic = suite<Context>('tier 1: basic protocol')
const interactive = suite<Context>('tier 2: interactive features')
const rich = suite<Context>('tier 3: rich output')
const advanced = suite<Context>('tier 4: advanced features')
const beyond = suite<Context>('beyond the tiers')

/** One kernel for all of them: each test leaves it as it was, but for what its cells declare. */
let shared: KernelClient | undefined
for (const each of [basic, interactive, rich, advanced, beyond])
  each.before(async (context) => {
    shared ??= await startRealKernel()
    context.kernel = shared
  })

beyond.after(async () => {
  await shared?.kill() // only when a test failed
})

basic('a heartbeat comes back', async ({ kernel }) => {
  assert.ok(await kernel.isAlive())
})

basic('kernel_info says protocol, implementation and language', async ({ kernel }) => {
  const { status, protocol_version, implementation, language_info, banner } =
    await kernel.request('kernel_info_request')
  assert.is(status, 'ok')
  assert.is(protocol_version, '5.4')
  assert.is(implementation, 'aivida')
  const { name, version, file_extension, mimetype } = language_info as Record<string, string>
  assert.equal([name, file_extension, mimetype], ['typescript', '.ts', 'application/typescript'])
  assert.match(version!, /^\d+\.\d+\.\d+$/)
  assert.match(banner as string, /Aivida/)
})

basic('what a cell writes arrives on stdout and stderr, in order', async ({ kernel }) => {
  const { reply, outputs } = await kernel
    .execute("console.log('hello'); console.error('error'); console.log('bye')")
    .done()
  assert.is(reply.status, 'ok')
  assert.equal(outputs, [
    { type: 'stream', name: 'stdout', text: 'hello\n' },
    { type: 'stream', name: 'stderr', text: 'error\n' },
    { type: 'stream', name: 'stdout', text: 'bye\n' },
  ])
})

basic('busy, the code, its outputs, idle: in this order', async ({ kernel }) => {
  const { told } = await listening(kernel, "console.log('x'); 3")
  assert.equal(told.map(says), ['busy', 'execute_input', 'stream', 'execute_result', 'idle'])
  assert.is(told[1]!.content.code, "console.log('x'); 3")
})

interactive('completes what the session declared and what cells declared', async ({ kernel }) => {
  await kernel.execute('const measured = { alpha: 1, beta: 2 }').done()
  const code = "const smiles = '😀😀😀😀'; measured.al"
  const characters = Array.from(code) // in which the protocol counts: JavaScript would count four more
  const reply = await kernel.complete(code, characters.length)
  assert.is(reply.status, 'ok')
  assert.ok((reply.matches as string[]).includes('alpha'), JSON.stringify(reply))
  assert.is(characters.slice(reply.cursor_start as number, reply.cursor_end as number).join(''), 'al')
  const session = await kernel.complete('cluster.', 8)
  assert.ok((session.matches as string[]).includes('train'), JSON.stringify(session))
})

interactive('inspects a name', async ({ kernel }) => {
  await kernel.execute('const inspected: number = 1').done()
  const reply = await kernel.inspect('inspected', 4)
  assert.is(reply.found, true)
  assert.match((reply.data as Record<string, string>)['text/plain']!, /inspected: number/)
  assert.is((await kernel.inspect('    ', 2)).found, false)
})

interactive('tells complete code from code that goes on', async ({ kernel }) => {
  assert.is((await kernel.isComplete('1 + 1')).status, 'complete')
  const more = await kernel.isComplete('function f() {')
  assert.is(more.status, 'incomplete')
  assert.is(typeof more.indent, 'string')
})

interactive('remembers what was run', async ({ kernel }) => {
  const { reply } = await kernel.execute('20 + 1').done()
  const { history } = await kernel.history({ hist_access_type: 'tail', n: 1, output: true })
  assert.equal(history, [[1, reply.execution_count, ['20 + 1', '21']]])
})

interactive('has no comms, and closes one that is opened', async ({ kernel }) => {
  assert.equal((await kernel.request('comm_info_request')).comms, {})
  const { told } = await listening(kernel, {
    type: 'comm_open',
    content: { comm_id: 'c1', target_name: 'a', data: {} },
  })
  assert.equal(told.map(says), ['busy', 'comm_close', 'idle'])
  assert.is(told[1]!.content.comm_id, 'c1')
})

interactive('an error of syntax, of types, and of the program: reply and output say the same', async ({ kernel }) => {
  for (const [code, name, message] of [
    ['const = 1', 'TypeScriptError', /1:7/],
    ['\nconst text: string = 1', 'TypeScriptError', /2:7 - Type 'number'/],
    ["\n\nthrow new RangeError('too far')", 'RangeError', /too far/],
  ] as const) {
    const { reply, outputs } = await kernel.execute(code).done()
    assert.is(reply.status === 'error' && reply.ename, name, code)
    assert.match((reply as { evalue: string }).evalue, message)
    const { status: _, execution_count: __, ...error } = reply
    assert.equal(outputs, [{ type: 'error', ...error }] as never)
  }
})

rich('shows values, and updates what it showed', async ({ kernel }) => {
  const { outputs } = await kernel.execute("const shown = display.html('<b>one</b>'); shown.update({ two: 2 })").done()
  assert.equal(typesOf(outputs), ['display_data', 'update_display_data'])
  const [first, second] = outputs as Extract<RunOutput, { type: 'display_data' }>[]
  assert.is(first!.data['text/html'], '<b>one</b>')
  assert.is(second!.data['text/plain'], '{ two: 2 }')
  assert.ok(first!.transient.display_id)
  assert.is(first!.transient.display_id, second!.transient.display_id)
})

rich('what another cell updates is told as of the cell that shows it', async ({ kernel }) => {
  const first = kernel.execute("const early = display('before')")
  await first.done()
  const second = await kernel.execute("early.update('after')").done()
  assert.equal(typesOf(first.outputs), ['display_data', 'update_display_data'])
  assert.equal(second.outputs, [])
})

rich('the last value is the result, in the forms that it has', async ({ kernel }) => {
  const { reply, outputs } = await kernel
    .execute("({ [Symbol.for('Jupyter.display')]: () => ({ 'text/plain': 'plain', 'text/html': '<i>rich</i>' }) })")
    .done()
  assert.equal(typesOf(outputs), ['execute_result'])
  const { data, execution_count } = outputs[0] as Extract<RunOutput, { type: 'execute_result' }>
  assert.is(data['text/plain'], 'plain')
  assert.is(data['text/html'], '<i>rich</i>')
  assert.is(execution_count, reply.execution_count)
})

advanced('who asks for input is told that nobody answers', async ({ kernel }) => {
  const asking =
    "import { createInterface } from 'node:readline/promises'\nawait createInterface({ input: process.stdin, output: process.stdout }).question('name? ')"
  for (const code of ['for await (const line of process.stdin) console.log(line)', asking]) {
    const run = kernel.execute(code)
    const { reply } = await run.done()
    assert.is(reply.status, 'error', code)
    assert.match((reply as { evalue: string }).evalue, /StdinNotImplemented: a cell cannot ask for input/, code)
  }
})

advanced('an interrupt is answered, and ends what a cell waits for', async ({ kernel }) => {
  await kernel.interrupt('message') // nothing runs
  for (const by of ['message', 'signal'] as const) {
    const run = kernel.execute("await 0; console.log('waiting'); await new Promise(() => {})")
    await run[Symbol.asyncIterator]().next()
    await kernel.interrupt(by)
    const { reply } = await run.done()
    assert.is(reply.status === 'error' && reply.ename, 'KeyboardInterrupt', by)
  }
})

advanced('an interrupt ends a cell that computes, and what it said before is there', async ({ kernel }) => {
  for (const code of [
    "console.log('computing'); while (true) {}",
    "await 0; console.log('computing'); while (true) { try { JSON.parse('{') } catch {} }",
    "setTimeout(() => { console.log('computing'); for (;;) ; }, 1); await new Promise(() => {})",
    "console.log('computing'); while (true) await 0",
    "await 0; console.log('computing'); function fib(n: number): number { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\nfib(80)",
  ]) {
    const run = kernel.execute(code)
    const said = { type: 'stream', name: 'stdout', text: 'computing\n' } as const
    assert.equal((await run[Symbol.asyncIterator]().next()).value, said, code)
    assert.ok(await kernel.isAlive(), 'a heartbeat comes back while a cell computes')
    await kernel.interrupt()
    const { reply } = await run.done()
    assert.is(reply.status === 'error' && reply.ename, 'KeyboardInterrupt', code)
  }
  assert.is((await kernel.execute('let n = 0; while (n < 1e6) n++\nn').done()).reply.status, 'ok')
})

advanced(
  'an interrupt of a cell that computes leaves alone what other cells began, and what it does last',
  async ({ kernel }) => {
    await kernel
      .execute(
        'let alive = true, turns = 0\nconst turn = () => new Promise((done) => setTimeout(done, 20))\nvoid (async () => { try { while (alive) { await turn(); turns++ } } finally { alive = false } })()\n0',
      )
      .done()
    const run = kernel.execute(
      "let cleaned = 0\ntry { console.log('go'); for (;;) ; } finally { for (let n = 0; n < 3; n++) cleaned++ }",
    )
    await run[Symbol.asyncIterator]().next()
    await kernel.interrupt()
    const { reply } = await run.done()
    assert.is(reply.status === 'error' && reply.ename, 'KeyboardInterrupt')
    const before = Number(await shownBy(kernel, 'turns'))
    assert.is(await shownBy(kernel, '(await turn(), await turn(), [alive, cleaned].join())'), "'true,3'")
    assert.ok(Number(await shownBy(kernel, 'const seen = turns; alive = false; seen')) > before)
  },
)

advanced('a cell that catches its interrupt is stopped again; a queued one is not', async ({ kernel }) => {
  const run = kernel.execute("const calm = () => 0\nconsole.log('go'); for (;;) { try { for (;;) calm() } catch {} }", {
    stopOnError: false,
  })
  await run[Symbol.asyncIterator]().next()
  const queued = kernel.execute('await new Promise((done) => setTimeout(done, 30)); 5', { stopOnError: false })
  const interrupted = kernel.interrupt()
  await kernel.interrupt('signal')
  assert.is((await run.done()).reply.status, 'error')
  await interrupted
  assert.is((await queued.done()).reply.status, 'ok')
})

advanced(
  'interrupts at any moment, by message and signal: each cell has one reply, and the kernel lives',
  async ({ kernel }) => {
    const cells = [
      '1 + 1',
      'await 0',
      'let x = 0; for (let n = 0; n < 2e6; n++) x += n\nx',
      'await new Promise((done) => setTimeout(done, 2))',
    ]
    const replies = new Map<string, number>()
    const interrupts: Promise<void>[] = []
    let seed = 7
    const random = () => {
      seed = (seed * 48_271) % 0x7fffffff
      return seed / 0x7fffffff
    }
    for (let n = 0; n < 100; n++) {
      const run = kernel.execute(cells[n % cells.length]!)
      for (const by of ['message', 'signal'] as const) {
        await sleep(random() * 4)
        interrupts.push(kernel.interrupt(by))
      }
      const { reply } = await run.done()
      replies.set(reply.status, (replies.get(reply.status) ?? 0) + 1)
      if (reply.status === 'error') assert.is(reply.ename, 'KeyboardInterrupt', JSON.stringify(reply))
    }
    await Promise.all(interrupts)
    assert.is((replies.get('ok') ?? 0) + (replies.get('error') ?? 0), 100)
    assert.ok((replies.get('error') ?? 0) > 10, 'interrupts met cells')
    assert.is((await kernel.execute('40 + 2').done()).reply.status, 'ok')
  },
)

advanced('the count goes up by one for each cell, and everything names its request', async ({ kernel }) => {
  const first = await kernel.execute('1').done()
  const { told, id } = await listening(kernel, "console.log('x')")
  const second = await kernel.execute('1').done()
  assert.is(second.reply.execution_count, first.reply.execution_count! + 2)
  assert.ok(told.every(({ parent }) => parent?.msg_id === id))
})

beyond('imports and awaits what was awaited, in one cell', async ({ kernel }) => {
  const code =
    'import { DuckDBInstance } from "@duckdb/node-api"\nconst connection = await (await DuckDBInstance.create()).connect()\nconnection.closeSync()\ntypeof connection'
  const { outputs } = await kernel.execute(code).done()
  assert.match(JSON.stringify(outputs), /'object'/)
})

beyond('a secret leaves the kernel in no stream, result or error', async ({ kernel }) => {
  const ticket = `aivida1${'bcdefghijk'.repeat(8)}`
  const run = kernel.execute(
    `const half = '${ticket.slice(0, 50)}', other = '${ticket.slice(50)}'\nprocess.stdout.write(half); process.stdout.write(other + '\\n')\nconsole.error(half + other)`,
  )
  await run.done()
  assert.is(textOf(run.outputs), 'aivida1[redacted]\n')
  assert.is(textOf(run.outputs, 'stderr'), 'aivida1[redacted]\n')
  for (const code of ['half + other', 'throw new Error(half + other)']) {
    const { reply, outputs } = await kernel.execute(code, { userExpressions: { u: code } }).done()
    const told = JSON.stringify([reply, outputs])
    assert.match(told, /aivida1\[redacted\]/)
    assert.not.match(told, ticket.slice(20, 40))
  }
})

beyond('20,000 lines arrive whole and in order', async ({ kernel }) => {
  const { outputs } = await kernel.execute('for (let n = 0; n < 20_000; n++) console.log("line " + n)').done()
  const text = textOf(outputs)
  assert.is(text, Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join(''))
  assert.ok(outputs.length < 200, `${outputs.length} messages`)
})

beyond('5,000 updates of a display arrive whole and in order', async ({ kernel }) => {
  const { outputs } = await kernel
    .execute('const live = display(-1); for (let n = 0; n < 5_000; n++) live.update(n)')
    .done()
  const shown = outputs.map((output) => (output as { data: Record<string, string> }).data['text/plain'])
  assert.equal(
    shown,
    Array.from({ length: 5_001 }, (_, n) => `${n - 1}`),
  )
})

beyond('what a cell left running goes on writing into that cell', async ({ kernel }) => {
  const first = kernel.execute("setTimeout(() => console.log('late'), 60); console.log('early')")
  await first.done()
  const second = await kernel
    .execute("await new Promise((done) => setTimeout(done, 120)); console.log('second')")
    .done()
  assert.is(textOf(first.outputs), 'early\nlate\n')
  assert.is(textOf(second.outputs), 'second\n')
})

beyond('an error that nobody waits for is told in its cell, and the kernel lives', async ({ kernel }) => {
  const run = kernel.execute(
    "setTimeout(() => { throw new Error('of a timer') }, 1); void Promise.reject(new Error('of a promise')); 0",
  )
  await run.done()
  const { reply } = await kernel.execute('await new Promise((done) => setTimeout(done, 50)); 1 + 1').done()
  assert.is(reply.status, 'ok')
  const text = textOf(run.outputs, 'stderr')
  assert.match(text, /of a timer/)
  assert.match(text, /of a promise/)
})

beyond('while a cell waits, everything else is answered', async ({ kernel }) => {
  const run = kernel.execute('await new Promise(() => {})')
  assert.is((await kernel.isComplete('1')).status, 'complete')
  assert.ok((await kernel.complete('Math.ma', 7)).matches)
  assert.not(run.hasEnded)
  await kernel.interrupt('message')
  await run.done()
})

beyond('an error aborts the cells that wait, and none that is sent later', async ({ kernel }) => {
  const codes = ['await new Promise(() => {})', "console.log('not run')", '1']
  const runs = codes.map((code) => kernel.execute(code))
  const later = runs[0]!.reply.then(() => kernel.execute("'later'").done())
  await kernel.request('kernel_info_request') // by then the cells have arrived, too
  await kernel.interrupt('message')
  const replies = await Promise.all(runs.map((run) => run.done()))
  assert.equal(
    replies.map(({ reply }) => reply.status),
    ['error', 'aborted', 'aborted'],
  )
  assert.equal(runs[1]!.outputs, [])
  assert.is((await later).reply.status, 'ok')
})

beyond('cells that were sent while one computes are aborted by its error, too', async ({ kernel }) => {
  const code = "console.log('go'); const end = Date.now() + 400; while (Date.now() < end); throw new Error('after')"
  const busy = kernel.execute(code)
  await busy[Symbol.asyncIterator]().next()
  const next = await kernel.execute("console.log('not run')").done() // nobody reads it before the error is there
  assert.is((await busy.reply).status, 'error')
  assert.is(next.reply.status, 'aborted')
})

beyond('a silent cell shows nothing and does not count; an unstored one does not count', async ({ kernel }) => {
  const { reply: before } = await kernel.execute('0').done()
  const silent = await kernel.execute("console.log('x'); 5", { silent: true }).done()
  assert.equal(silent.outputs, [])
  const unstored = await kernel.execute("console.log('x')", { storeHistory: false }).done()
  assert.is(textOf(unstored.outputs), 'x\n')
  assert.is((await kernel.execute('0').done()).reply.execution_count, before.execution_count! + 1)
})

beyond('user expressions are evaluated after the cell', async ({ kernel }) => {
  const { reply } = await kernel
    .execute('const base = 20', { userExpressions: { sum: 'base + 1', wrong: 'nowhere' } })
    .done()
  const { sum, wrong } = (reply as { user_expressions: Record<string, { status: string; data?: object }> })
    .user_expressions
  assert.equal(sum!.data, { 'text/plain': '21' })
  assert.is(wrong!.status, 'error')
})

beyond('an output of 100 MB is cut, with a word, and nobody dies', async ({ kernel }) => {
  const { reply, outputs } = await kernel.execute("console.log('x'.repeat(100e6)); console.log('still here')").done()
  assert.is(reply.status, 'ok')
  const text = textOf(outputs)
  assert.ok(text.length < 20e6, `${text.length}`)
  assert.match(text.slice(-400), /\[cut: 79\.4 MB more; .*\]\nstill here\n$/s)
  assert.is((await kernel.execute('1').done()).reply.status, 'ok')
})

beyond('a request that is not known, or lacks something, is answered with an error', async ({ kernel }) => {
  for (const [type, content] of [
    ['debug_request', {}],
    ['execute_request', { code: 1 }],
  ] as const) {
    const reply = await kernel.request(type, content)
    assert.is(reply.status, 'error')
    assert.match(reply.evalue as string, new RegExp(type))
  }
})

beyond('a shutdown is answered, and the kernel is gone at once, whatever its cells left open', async ({ kernel }) => {
  await kernel
    .execute("import { createServer } from 'node:net'\nsetInterval(() => {}, 1_000); createServer().listen(0); 0")
    .done()
  const reply = await kernel.request('shutdown_request', { restart: true }, { channel: 'control' })
  assert.equal(reply, { status: 'ok', restart: true })
  assert.is(await kernel.ended, 'it exited with code 0')
  shared = undefined
})

basic.run()
interactive.run()
rich.run()
advanced.run()
beyond.run()

/** Runs code, or sends another message, and gives all that was told because of it until the kernel is idle again. */
async function listening(
  kernel: KernelClient,
  what: string | { readonly type: string; readonly content: Readonly<Record<string, unknown>> },
): Promise<{ readonly told: Message[]; readonly id: string }> {
  const type = typeof what === 'string' ? 'execute_request' : what.type
  const told: Message[] = []
  const idle = new Promise<void>((resolve) => {
    kernel.onTold = (message) => {
      if (message.parent?.msg_type !== type) return // the rest of an earlier request
      told.push(message)
      if (says(message) === 'idle') resolve()
    }
  })
  if (typeof what === 'string') await kernel.execute(what).done()
  else kernel.request(what.type, what.content, { ms: 1 }).catch(() => {}) // it has no reply
  await idle
  kernel.onTold = undefined
  return { told, id: told[0]!.parent!.msg_id }
}

/** The plain text of what a cell gives. */
async function shownBy(kernel: KernelClient, code: string): Promise<string> {
  const { outputs } = await kernel.execute(code).done()
  const shown = outputs.find(({ type }) => type === 'execute_result') as { data: Record<string, string> } | undefined
  return shown?.data['text/plain'] ?? JSON.stringify(outputs)
}

function typesOf(outputs: readonly RunOutput[]): string[] {
  return outputs.map(({ type }) => type)
}

function says({ header, content }: Message): string {
  return header.msg_type === 'status' ? String(content.execution_state) : header.msg_type
}

function textOf(outputs: readonly RunOutput[], name = 'stdout'): string {
  return outputs.map((output) => (output.type === 'stream' && output.name === name ? output.text : '')).join('')
}
