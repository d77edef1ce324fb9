import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../runtime/base/index.ts'
import { runCli } from '../../runtime/cli/aivida.ts'
import { startTestControl, type TestControl } from '../support/control.ts'
import { fakeIo } from '../support/fake-io.ts'
import { FAKE_PEER } from '../support/fake-node-service.ts'
import { sampleCharter, sampleTicket } from '../swarm/charter/sample-cluster.ts'

const JOB = 'job-aaaaaaaaaaaaaaaa'

function ioFor(control: TestControl, init: Parameters<typeof fakeIo>[0] = {}) {
  return fakeIo({
    env: { AIVIDA_DATA_DIR: control.folder, AIVIDA_SOCKET_PATH: control.socketPath },
    cwd: control.folder,
    ...init,
  })
}

async function aivida(control: TestControl, ...argv: string[]) {
  const io = ioFor(control)
  const code = await runCli(argv, io)
  return { code, out: io.stdout(), err: io.stderr() }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

test('help lists every command and the exit codes', async () => {
  const io = fakeIo()
  assert.is(await runCli(['--help'], io), 0)
  const commands =
    'up stop node status peers jobs job cancel doctor infer run logs init invite join members pending approve'
  for (const command of [...commands.split(' '), 'remove', 'leave', 'account', 'config'])
    assert.match(io.stdout(), new RegExp(`^  ${command}\\b`, 'm'), command)
  assert.match(io.stdout(), 'Exit codes: 0 success')
})

test('flags of a command come from the table of options', async () => {
  const up = fakeIo({ columns: 1_000 })
  assert.is(await runCli(['up', '--help'], up), 0)
  assert.match(up.stdout(), /--data-dir <value> .*default: ~\/\.aivida, AIVIDA_DATA_DIR/)
  assert.match(up.stdout(), /--no-mdns/)
  const jobs = fakeIo()
  await runCli(['jobs', '--help'], jobs)
  assert.match(jobs.stdout(), '--socket-path')
  assert.not.match(jobs.stdout(), '--listen')
})

test('the version is that of the package', async () => {
  const io = fakeIo()
  assert.is(await runCli(['--version'], io), 0)
  assert.match(io.stdout(), /^\d+\.\d+\.\d+\n$/)
})

test('a line that makes no sense is explained', async () => {
  const said = async (...argv: string[]) => {
    const io = fakeIo()
    const code = await runCli(argv, io)
    assert.is(io.stdout(), '')
    return `${code} ${io.stderr()}`
  }
  assert.match(await said('job'), /^2 error usage\.missing-argument: missing required argument 'id'/)
  assert.match(await said('stauts'), /^2 error usage\.unknown-command: .*\n?\(Did you mean status\?\)/)
  assert.match(await said('jobs', '--jsn'), /^2 error usage\.unknown-option: [\s\S]*--json/)
  assert.match(
    await said('invite', '--role', 'king'),
    /^2 error usage\.invalid-argument: [\s\S]*member, worker, submitter/,
  )
})

test('a line that names no command is answered with what there is', async () => {
  for (const [argv, one] of [
    [[], 'infer'],
    [['account'], 'backup'],
    [['config'], 'describe'],
  ] as const) {
    const io = fakeIo()
    assert.is(await runCli(argv, io), 0)
    assert.match(io.stdout(), new RegExp(`^  ${one}\\b`, 'm'))
    assert.is(io.stderr(), '')
  }
})

test('wrong settings are told with the nearest right one, and their own exit code', async () => {
  const io = fakeIo({ env: { AIVIDA_DATADIR: '/x' } })
  assert.is(await runCli(['jobs'], io), 3)
  assert.match(io.stderr(), /error config\.unknown-key: .*AIVIDA_DATA_DIR/)
})

test('without a node every command says how to start one', async () => {
  const io = fakeIo({ home: '/nowhere' })
  assert.is(await runCli(['status'], io), 2)
  assert.match(io.stderr(), /^error node\.not-running: .*aivida up\n$/)
  const json = fakeIo({ home: '/nowhere' })
  assert.is(await runCli(['status', '--json'], json), 2)
  assert.is(JSON.parse(json.stderr()).error.code, 'node.not-running')
})

test('status, peers, jobs and members are text for people and JSON for programs', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, { name: 'ocr', rows: { read: 5, done: 5, total: 10 } })
  assert.match((await aivida(control, 'status')).out, /^node {6}fake, admin\n/)
  assert.match((await aivida(control, 'status')).out, 'warning   UDP unavailable: TCP only')
  assert.match((await aivida(control, 'peers')).out, /fake \(this\) {2}alive {2}self/)
  assert.match((await aivida(control, 'jobs')).out, new RegExp(`${JOB} {2}ocr {3}running {2}5/10 rows`))
  assert.match((await aivida(control, 'job', JOB)).out, /state {4}running: 5\/10 rows/)
  control.service.update(JOB, { name: '' })
  assert.match((await aivida(control, 'jobs')).out, new RegExp(`${JOB} {2}- +running`))
  assert.match((await aivida(control, 'job', JOB)).out, `${JOB} (infer)`)
  assert.match((await aivida(control, 'job', JOB)).out, '0 running, 0 being written, 0 done')
  assert.match((await aivida(control, 'members')).out, FAKE_PEER)
  assert.match((await aivida(control, 'pending')).out, 'newcomer')
  assert.is(JSON.parse((await aivida(control, 'status', '--json')).out).name, 'fake')
  for (const command of ['peers', 'jobs', 'members', 'pending'])
    assert.is(JSON.parse((await aivida(control, command, '--json')).out).length, 1, command)
})

test('rounds of a training are shown with who takes part, or whom it waits for', async () => {
  await using control = await startTestControl()
  const sync = '16 local steps between rounds'
  control.service.update(JOB, { name: 'lm', rounds: { closed: 12, members: [FAKE_PEER], sync } })
  control.service.update(JOB, { program: 'train', rows: { read: 40, done: 12, total: 40 } })
  assert.match((await aivida(control, 'jobs')).out, /running: round 12 +12\/40 steps/)
  const { out } = await aivida(control, 'job', JOB)
  assert.match(out, `rounds   12 closed, one is open with ${FAKE_PEER.slice(-8)}\nsync     ${sync}\n`)
  control.service.update(JOB, {
    name: 'lm',
    rounds: { closed: 0, members: [], waits: 'waits for 4 workers, 2 are here' },
  })
  assert.match((await aivida(control, 'jobs')).out, /running: waits for 4 workers, 2 are here /)
  assert.match((await aivida(control, 'job', JOB)).out, 'rounds   0 closed; waits for 4 workers, 2 are here\n')
})

test('a job that is not here is told with the one that was meant, or with who has it', async () => {
  await using control = await startTestControl()
  const said = async (id: string) => {
    const { code, err } = await aivida(control, 'job', id)
    assert.is(code, 2)
    return err
  }
  assert.is(await said('xyz'), 'error job.unknown: no job "xyz" here; this node has no jobs\ntry: aivida jobs\n')
  control.service.update(JOB, { name: '' })
  assert.is(await said('xyz'), 'error job.unknown: no job "xyz" here\ntry: aivida jobs\n')
  assert.match(await said('job-'), 'no job "job-" here\n')
  assert.match(await said('job-aaa'), `no job "job-aaa" here; the nearest is ${JOB}\n`)
  control.service.update(JOB, { name: 'ocr' })
  assert.match(await said(`${JOB.slice(0, -1)}b`), `here; the nearest is ${JOB} (ocr)\ntry: aivida jobs\n`)
  const job = 'job-bbbbbbbbbbbbbbbb'
  const copy = { job, name: '', from: FAKE_PEER, parts: 0, rows: 0, entries: 1, ended: false }
  control.service.followedJobs = [{ ...copy, coordinator: { state: 'alive', name: 'lab-1' } }]
  assert.is(
    await said(job),
    `error job.unknown: ${job} is a job of lab-1 (${FAKE_PEER}), and only followed here; see: aivida jobs --followed\n`,
  )
})

test('how many workers a job may have is a whole number', async () => {
  await using control = await startTestControl()
  const { err } = await aivida(control, 'jobs', 'scale', JOB, 'many')
  assert.match(err, 'error usage.invalid-argument: expected a whole number, found many; see aivida jobs scale --help')
})

test('an invitation prints the ticket alone, so that a script can take it', async () => {
  await using control = await startTestControl()
  const { out, err } = await aivida(control, 'invite', '--uses', '3', '--expires', '2h', '--role', 'worker')
  assert.is(out, 'aivida-ticket\n')
  assert.match(
    err,
    'good for 3 node(s) and 2h 0m (1m 0s longer, for clocks that differ), as worker; there: npx aivida join TICKET',
  )
  const wrong = await aivida(control, 'invite', '--expires', 'soon')
  assert.match(wrong.err, /error duration\.malformed/)
})

test('what no ticket or peer can be is said before the node is asked: what was expected, and what came', async () => {
  await using control = await startTestControl()
  const said = async (...argv: string[]) => (await aivida(control, ...argv)).err
  assert.match(await said('invite', '--uses', '0'), '--uses: expected a whole number from 1 to 10000, found 0')
  assert.match(await said('invite', '--expires', '900d'), '--expires: expected a duration from 1s to 365d, found 900d')
  assert.match(await said('remove', 'bob'), 'expected a peer id (12D3Koo...), found "bob"')
  assert.match(await said('join'), 'see aivida join --help')
  assert.equal(control.service.calls, [])
})

test('members are approved, removed and leave', async () => {
  await using control = await startTestControl()
  await aivida(control, 'approve', FAKE_PEER)
  await aivida(control, 'remove', FAKE_PEER, '--reason', 'sold')
  await aivida(control, 'leave')
  assert.equal(control.service.calls, [`approve ${FAKE_PEER}`, `remove ${FAKE_PEER} sold`, 'leave'])
})

test('infer submits what its options say', async () => {
  await using control = await startTestControl()
  const argv = '--model m.onnx --input lines.jsonl --format jsonl --out res --outputs a,b --rows-per-shard 16'.split(
    ' ',
  )
  const requirements = '--requirement provider=cpu exact=true memoryBytes=1024 --name ocr --detach'.split(' ')
  const { code, out } = await aivida(control, 'infer', ...argv, ...requirements)
  assert.is(code, 0)
  assert.match(out, /^job-0+1\n$/)
  const [{ model, input, outputDir, ...request }] = control.service.requests as never as [
    Record<string, never> & { input: { path: string } },
  ]
  assert.match(`${model} ${input.path} ${outputDir}`, /^\/.*m\.onnx \/.*lines\.jsonl \/.*res$/)
  assert.equal(request, {
    program: 'infer',
    outputs: ['a', 'b'],
    rowsPerShard: 16,
    requirements: { provider: 'cpu', exact: true, memoryBytes: 1024 },
    finite: true,
    name: 'ocr',
  })
  const wrong = await aivida(control, 'infer', '--model', 'm', '--input', 'i', '--requirement', 'colour=red')
  assert.match(wrong.err, /error requirement\.malformed: .*provider/)
  const bad = await aivida(control, 'infer', '--model', 'm', '--input', 'i', '--rows-per-shard', 'many')
  assert.match(bad.err, /error usage\.invalid-argument: .*--rows-per-shard.*'many'.*whole number/)
})

test('infer waits, shows progress and ends with the result, or with what went wrong', async () => {
  await using control = await startTestControl()
  const { service } = control
  const io = ioFor(control)
  const running = runCli(['infer', '--model', 'm', '--input', 'i'], io)
  await until(() => service.statuses.size === 1)
  const [job] = [...service.statuses.keys()]
  service.update(job!, { rows: { read: 5, done: 5, total: 10 } })
  await until(() => io.stderr().includes('5/10 rows'))
  service.update(job!, { state: 'done', rows: { read: 10, done: 10, total: 10 }, outputDir: '/results/1' })
  assert.is(await running, 0)
  assert.match(io.stdout(), 'result   /results/1')

  const failing = ioFor(control)
  const failed = runCli(['infer', '--model', 'm', '--input', 'i', '--json'], failing)
  await until(() => service.statuses.size === 2)
  const error = { code: 'model.not-onnx', category: 'user', message: 'no', retryable: false, facts: {} } as const
  service.update([...service.statuses.keys()][1]!, { state: 'failed', error })
  assert.is(await failed, 2)
  assert.is(JSON.parse(failing.stderr()).error.code, 'model.not-onnx')
})

test('infer whose node goes away says that the job is kept', async () => {
  await using control = await startTestControl()
  control.service.onSubmit = async () => void control.server.stop()
  const { code, err } = await aivida(control, 'infer', '--model', 'm', '--input', 'i')
  assert.is(code, 4)
  assert.match(
    err,
    /error node\.went-away: .*while (job-0*1) ran; .*aivida up goes on with it, aivida job \1 shows it\n$/,
  )
})

test('Ctrl-C cancels the job that infer waits for', async () => {
  await using control = await startTestControl()
  const io = ioFor(control)
  const running = runCli(['infer', '--model', 'm', '--input', 'i'], io)
  await until(() => io.stderr().includes('0 rows'))
  io.interrupt()
  assert.is(await running, 130)
  assert.match(control.service.calls.join(), 'interrupted at the terminal')
  assert.match(io.stderr(), 'error job.cancelled')
})

test('jobs adopt takes a job over, beside the list of jobs', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, {})
  const { out, code } = await aivida(control, 'jobs', 'adopt', JOB, '--json')
  assert.is(code, 0)
  assert.is(JSON.parse(out).job, JOB)
  await aivida(control, 'jobs', 'adopt', JOB, '--force', '--out', '/result')
  assert.equal(control.service.calls, [`adopt ${JOB}`, `adopt ${JOB} --force to /result`])
  assert.match((await aivida(control, 'jobs', 'adopt')).err, 'see aivida jobs adopt --help')
})

test('jobs --followed says whether the coordinators are here', async () => {
  await using control = await startTestControl()
  assert.match((await aivida(control, 'jobs', '--followed')).out, /^none: /)
  const job = { job: JOB, name: 'ocr', from: FAKE_PEER, parts: 1, rows: 4, entries: 3, ended: false }
  control.service.followedJobs = [
    { ...job, coordinator: { state: 'alive', name: 'lab-1' } },
    { ...job, coordinator: { state: 'gone', name: 'lab-2' } },
  ]
  const { out } = await aivida(control, 'jobs', '--followed')
  assert.match(out, new RegExp(`ocr +runs there +4 +lab-1 +alive +${FAKE_PEER}`))
  assert.match(out, /ocr +can be adopted +4 +lab-2 +gone/)
})

test('cancel stops a job', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, {})
  const { out } = await aivida(control, 'cancel', JOB, '--reason', 'enough')
  assert.is(out, `${JOB} is cancelled\n`)
  assert.equal(control.service.calls, [`cancel ${JOB} enough`])
})

test('cancelling a job that has ended says so', async () => {
  await using control = await startTestControl()
  control.service.update(JOB, { state: 'done' })
  assert.is((await aivida(control, 'cancel', JOB)).out, `nothing to cancel: ${JOB} had ended, it is done\n`)
})

test('up leaves a node alone that runs already', async () => {
  await using control = await startTestControl()
  const { code, out } = await aivida(control, 'up')
  assert.is(code, 0)
  assert.is(out, `node fake runs already (pid ${process.pid})\n`)
})

test('what a node that runs already cannot use of up and join is said: flags, and a ticket of its own cluster', async () => {
  await using control = await startTestControl()
  const plain = await aivida(control, 'up')
  assert.is(plain.err, '')
  const up = await aivida(control, 'up', '--no-mdns', '--slots', '2', '--data-dir', control.folder)
  assert.is(up.code, 0)
  assert.match(up.err, 'not used: --no-mdns, --slots; flags take effect at the next start, after: aivida stop')

  const charter = sampleCharter()
  const ticket = sampleTicket(charter)
  const info = await control.service.info()
  control.service.info = async () => ({ ...info, cluster: { id: charter.state.cluster, name: 'lab' } })
  const join = await aivida(control, 'join', ticket, '--slots', '2')
  assert.is(join.code, 0, join.err)
  assert.match(join.out, 'node fake runs already')
  assert.match(join.err, 'the ticket was not used: this node is a member of lab already\nnot used: --slots;')
  const json = await aivida(control, 'join', ticket, '--slots', '2', '--json')
  assert.is(json.err, '')
  assert.equal(JSON.parse(json.out).unused, ['TICKET', '--slots'])
})

test('config shows the settings and describes every option', async () => {
  await using control = await startTestControl()
  writeFileSync(join(control.folder, 'config.json'), JSON.stringify({ v: 1, logLevel: 'warn' }))
  const shown = (await aivida(control, 'config', 'show', '--slots', '3')).out
  assert.match(shown, /^slots +3$/m)
  assert.match(shown, /^logLevel +warn$/m)
  assert.match((await aivida(control, 'config', 'describe')).out, '--data-dir, AIVIDA_DATA_DIR')
  const rows = JSON.parse((await aivida(control, 'config', 'describe', '--json')).out)
  assert.ok(rows.some((row: { key: string }) => row.key === 'metricsPort'))
})

test('logs show the last lines and follow over a rolled file', async () => {
  await using control = await startTestControl()
  assert.match((await aivida(control, 'logs')).err, /error logs\.none/)
  const file = join(control.folder, 'logs', 'node.log')
  const line = (n: number) =>
    `${JSON.stringify({ level: 'info', time: '2026-01-01T00:00:00.000Z', message: `line ${n}`, job: JOB })}\n`
  mkdirSync(join(control.folder, 'logs'))
  writeFileSync(file, [1, 2, 3].map(line).join(''))
  assert.is((await aivida(control, 'logs', '-n', '1')).out, `00:00:00.000 info  line 3 job=${JOB}\n`)
  assert.is((await aivida(control, 'logs', '-n', '1', '--json')).out, line(3))
  const io = ioFor(control, { clock: systemClock })
  const following = runCli(['logs', '-f', '-n', '1', '--json'], io)
  await until(() => io.stdout() === line(3))
  appendFileSync(file, line(4) + line(5).slice(0, 9))
  await until(() => io.stdout() === line(3) + line(4))
  appendFileSync(file, line(5).slice(9))
  await until(() => io.stdout().endsWith(line(5)))
  renameSync(file, `${file}.1`)
  writeFileSync(file, line(6))
  await until(() => io.stdout().endsWith(line(6)))
  io.interrupt()
  assert.is(await following, 0)
})

test.run()
