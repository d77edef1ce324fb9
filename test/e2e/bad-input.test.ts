// timeout: 120 s
import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type AividaError,
  type Clock,
  controlSocketPath,
  limit,
  silentLogger,
  systemClock,
  toAividaError,
} from '../../runtime/base/index.ts'
import { arrowFile, toRowBatch } from '../../runtime/data/tensor/arrow.ts'
import { tensorOf } from '../../runtime/data/tensor/index.ts'
import { LocalCluster } from '../../runtime/local-cluster/index.ts'
import { initCluster, loadKeys, openCluster, openDoor } from '../../runtime/node/cluster/joining.ts'
import { Client, type InferRequest } from '../../runtime/node/control/index.ts'
import { dataFolder } from '../../runtime/node/data-folder.ts'
import { issueTicket } from '../../runtime/swarm/charter/ticket.ts'
import { aivida, MAIN } from '../support/command.ts'
import { identityModel, model, tensor, value } from '../support/onnx-models.ts'
import { skip } from '../support/skip.ts'
import { slowJob } from '../support/slow-rows.ts'

const MiB = 2 ** 20
const test = suite('what a user does wrong')
const folder = await mkdtemp(join(tmpdir(), 'aivida-bad-'))
const at = (name: string) => join(folder, name)
const write = async (name: string, content: Parameters<typeof writeFile>[1]) => {
  await writeFile(at(name), content)
  return at(name)
}
const rows = (name: string, ...lines: unknown[]) =>
  write(name, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))

/** A disk of its own for a folder, small enough to fill; `false` where this user cannot mount one. */
async function smallDisk(path: string, sizeBytes: number): Promise<boolean> {
  await mkdir(path)
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path]).status === 0
}

/** Fills the disk of a folder to the last byte; the returned function makes room again. */
async function fill(path: string): Promise<() => Promise<void>> {
  const file = join(path, 'filler')
  await writeFile(file, Buffer.alloc(64 * MiB)).catch(() => {})
  return () => rm(file)
}

const nodeDisk = at('node-disk')
const outDisk = at('out-disk')
const mounted = [await smallDisk(nodeDisk, 24 * MiB), await smallDisk(outDisk, MiB / 8)]
const hasDisks = mounted.every(Boolean)
const cluster = await LocalCluster.start({ workers: 0, dir: nodeDisk, flags: ['--disk-budget-bytes', '8MiB'] })
const { client } = cluster
const here = ['--data-dir', cluster.submitter.dataDir]
const copy = await write('copy.onnx', identityModel('float32', ['n', 3]))
const good = await rows('good.jsonl', { x: [1, 2, 3] }, { x: [4, 5, 6] }, { x: [7, 8, 9] })

/** What a job fails of, when it is submitted or later. */
async function failureOf(request: Partial<InferRequest>): Promise<AividaError> {
  try {
    const job = await client.infer({ model: copy, input: good, ...request })
    await job.done()
  } catch (error) {
    return toAividaError(error)
  }
  throw new Error('the job is done')
}

/** The error as a user reads it: its words, and the remedy where that is apart. */
const wordsOf = ({ message, facts: { remedy = '' } }: AividaError) => `${message}; ${remedy}`

/** Asserts that a command failed of this and said so, without a stack. */
async function refuses(argv: readonly string[], exitCode: number, words: RegExp) {
  const { code, err } = await aivida(argv)
  assert.match(err, words)
  assert.is(code, exitCode, err)
  assert.not.match(err, /^ {4}at /m)
}

test('a request that cannot work is refused before it is a job, and says why', async () => {
  const cases: [Partial<InferRequest>, string, RegExp][] = [
    [{ model: at('nowhere.onnx') }, 'model.missing', /nowhere\.onnx; check the path/],
    [{ model: await write('a.onnx', 'hello') }, 'model.not-onnx', /a\.onnx: expected an ONNX.*a text file; export/],
    [{ model: await write('b.onnx', '') }, 'model.not-onnx', /expected an ONNX model, found an empty file; export/],
    [{ input: at('nowhere.jsonl') }, 'source.not-found', /expected a file.*found none; check the path/],
    [
      { input: await rows('name.jsonl', { xs: [1, 2, 3] }) },
      'source.column-missing',
      /x: float32\[n, 3\]; rename .*xs/,
    ],
    [{ input: await rows('dtype.jsonl', { x: ['a', 'b', 'c'] }) }, 'source.dtype', /takes float32, found "a"; cast/],
    [{ input: await rows('shape.jsonl', { x: [1, 2] }) }, 'source.shape', /expected .*x: .*found .*\[2\]; .*pad/],
    [
      { input: await rows('null.jsonl', { x: [1, null, 3] }) },
      'source.missing-value',
      /x is null; drop the row or fill/,
    ],
    [{ input: await write('nan.jsonl', '{"x":[1,NaN,3]}\n') }, 'source.bad-line', /line 1 .*expected .*NaN .*not JSON/],
    [{ input: await rows('empty.jsonl') }, 'source.empty', /has no rows; give/],
    [{ outputs: ['z'] }, 'job.no-such-output', /no output z; it has y/],
    [{ rowsPerShard: 0 }, 'request.invalid', /rowsPerShard.*expected .*>=1/],
  ]
  for (const [request, code, words] of cases) {
    const error = await failureOf(request)
    assert.is(error.code, code, error.message)
    assert.is(error.category, 'user')
    assert.match(wordsOf(error), words)
  }
  assert.equal(await client.jobs(), [])
})

test('NaN in a row fails the job at that row', async () => {
  const x = tensorOf(Float32Array.of(1, 2, 3, 4, Number.NaN, 6), [2, 3])
  const error = await failureOf({ input: await write('nan.arrow', arrowFile([toRowBatch({ x })])) })
  assert.is(error.code, 'source.not-finite')
  assert.match(error.message, /row 1 of x holds NaN .*; clean the data, or allow them with finite: false/)
})

test('one row, a shard a row, and fewer rows than a shard takes all work', async () => {
  const one = await rows('one.jsonl', { x: [1, 2, 3] })
  for (const [input, rowsPerShard, done, shards] of [
    [one, 1, 1, 1],
    [one, 1_000, 1, 1],
    [good, 1, 3, 3],
    [good, 1_000, 3, 1],
  ] as const) {
    const status = await (await client.infer({ model: copy, input, rowsPerShard })).done()
    assert.equal([status.state, status.rows.done, status.shards.done], ['done', done, shards])
  }
})

test('the command line prints the error, what to try, and exits with its category', async () => {
  const argv = ['infer', ...here, '--model', at('nowhere.onnx'), '--input', good]
  await refuses(argv, 2, /^error model\.missing: no model file at .*; check the path\n$/)
})

test('a job that no device takes says so while it waits; Ctrl-C calls it off', async () => {
  const argv = ['infer', ...here, '--model', copy, '--input', good, '--requirement', 'provider=cuda']
  const { code, err } = await aivida(argv, {
    said: (words, interrupt) => words.includes('no device takes its shards: provider x1') && interrupt(),
  })
  assert.is(code, 130, err)
  assert.match(err, /error aborted: interrupted at the terminal\n$/)
  const [job] = await client.jobs()
  assert.is(job?.state, 'cancelled')
})

test('a script runs from any folder', async () => {
  const script = `
import { connect } from 'aivida'
const client = await connect()
const job = await client.infer({ model: 'copy.onnx', input: 'good.jsonl' })
const table = await job.result()
console.log(table.numRows, table.schema.names.join())
await client.infer({ model: 'nowhere.onnx', input: 'good.jsonl' })
`
  await write('script.ts', script)
  const { code, out, err } = await aivida(['run', ...here, 'script.ts'], { cwd: folder })
  assert.is(out, '3 row,y\n')
  assert.match(err, /^error model\.missing: no model file at .*nowhere\.onnx; check the path\n$/)
  assert.is(code, 2)
})

test('a node that cannot start here says what to do', async () => {
  const open = at('open')
  const typo = at('typo')
  await initCluster({ folder: dataFolder(open), clock: systemClock, logger: silentLogger })
  await chmod(dataFolder(open).nodeKey, 0o644)
  await mkdir(typo)
  await writeFile(join(typo, 'config.json'), '{ "v": 1, "slotz": 3 }')
  const inUse = new RegExp(
    `^error socket\\.in-use: a node \\(pid ${cluster.submitter.pid}\\) .*\\ntry: aivida stop`,
    'm',
  )
  await Promise.all([
    refuses(['node', ...here], 2, inUse),
    refuses(
      ['up', '--data-dir', at('x'.repeat(100))],
      2,
      /^error socket\.path-too-long: .*at most 100.*\ntry: .*shorter/m,
    ),
    refuses(['node', '--data-dir', open], 2, /^error key\.readable: .*mode 0644.*expected 0600: chmod 600/m),
    refuses(['node', '--data-dir', typo], 3, /^error config\..*slotz.*slots/),
    refuses(['node', '--slotz', '3'], 2, /^error usage\.unknown-option: .*slotz.*--slots/),
  ])
})

test('a ticket lets in whom it was made for, as often and as long as it says', async () => {
  const join = (name: string, ticket: string) => ['join', '--no-up', '--data-dir', at(name), ticket]
  const { ticket } = await client.invite({ uses: 1 })
  const joined = await aivida(join('newcomer', ticket))
  assert.is(joined.code, 0, joined.err)

  const { addresses } = await client.info()
  const stranger = { folder: dataFolder(at('stranger')), clock: systemClock, logger: silentLogger }
  await initCluster(stranger, { name: 'elsewhere' })
  const keys = await loadKeys(stranger.folder, systemClock)
  const door = await openDoor(stranger, await openCluster(stranger, keys), keys)
  const terms = { role: 'member', uses: 1, expiresWallMs: systemClock.wallMs() + 60_000 } as const
  const foreign = door.invite({ ...terms, seeds: addresses })
  const past: Clock = { ...systemClock, wallMs: () => systemClock.wallMs() - 2 * limit('clockSkewMs') }
  const issuer = { folder: dataFolder(cluster.submitter.dataDir), clock: past, logger: silentLogger }
  const issuerKeys = await loadKeys(issuer.folder, past)
  const { state } = (await openCluster(issuer, issuerKeys)).charter
  const old = { ...terms, seeds: addresses, issuedWallMs: past.wallMs(), expiresWallMs: past.wallMs() + 1_000 }
  const expired = issueTicket(state, old, issuerKeys.account ?? issuerKeys.node)

  await Promise.all([
    refuses(join('late', expired), 2, /^error ticket\.expired: .*; ask for a new one/),
    refuses(join('second', ticket), 2, /^error ticket\.used-up: .*good for 1 .*; ask for another/m),
    refuses(join('lost', foreign), 2, /^error ticket\.other-cluster: .*ask/m),
    refuses(join('stranger', ticket), 2, /^error cluster\.exists: .*elsewhere.*; leave it first: aivida leave/),
  ])
})

test('a model beyond the disk budget is refused, with what takes the space', async () => {
  const weights = new Uint8Array(9 * MiB)
  const large = model({
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [value('x', 'float32', ['n', 3])],
    outputs: [value('y', 'float32', ['n', 3])],
    initializers: [tensor('w', 'float32', [weights.length / 4], weights)],
  })
  const error = await failureOf({ model: await write('large.onnx', large) })
  assert.is(error.code, 'disk.budget')
  assert.match(error.message, /do not fit into the disk budget of 8388608 \(in use: .*--disk-budget-bytes/)
})

test('a full output disk fails the job, keeps no half part, and the node works on', async () => {
  if (!hasDisks) return skip('a full disk: this user cannot mount a small one')
  const many = await rows('many.jsonl', ...Array.from({ length: 8_000 }, (_, i) => ({ x: [i, i / 3, i / 7] })))
  const outputDir = join(outDisk, 'out')
  const error = await failureOf({ input: many, outputDir, rowsPerShard: 500 })
  assert.is(error.code, 'disk.full')
  assert.match(error.message, /no space left for .*out; nothing half-written was kept; free some space/)
  const parts = await readdir(outputDir)
  assert.ok(parts.length > 0 && parts.every((name) => /^part-\d+\.arrow$/.test(name)), parts.join())
  const elsewhere = await (await client.infer({ model: copy, input: many, rowsPerShard: 500 })).done()
  assert.is(elsewhere.rows.done, 8_000)
})

test('a data folder on a full disk is not begun, and can be once there is room', async () => {
  if (!hasDisks) return skip('a full disk: this user cannot mount a small one')
  await rm(join(outDisk, 'out'), { recursive: true, force: true })
  const init = ['init', '--data-dir', join(outDisk, 'data')]
  const empty = await fill(outDisk)
  await refuses(init, 4, /^error (log\.)?disk.full: .*; free some space/)
  await empty()
  const { code, err } = await aivida(init)
  assert.is(code, 0, err)
})

test('a node whose disk fills up in the middle of a job fails it, and takes the next one once there is room', async () => {
  if (!hasDisks) return skip('a full disk: this user cannot mount a small one')
  const files = await slowJob(folder, { rows: 800, layers: 50 })
  const job = await client.infer({ ...files, outputDir: at('slow-1'), rowsPerShard: 4 })
  for await (const event of job.events()) if (event.type === 'part') break
  const empty = await fill(nodeDisk)
  const error = await job.done().then(
    () => undefined,
    (error: AividaError) => error,
  )
  await empty()
  assert.match(`${error?.code} ${error?.message}`, /disk[.-]full.*no space left for .*free some space/)
  const again = await (await client.infer({ ...files, outputDir: at('slow-2'), rowsPerShard: 5 })).done()
  assert.is(again.rows.done, 800)
})

test('a node on a machine where not even loopback is up warns, and computes', async () => {
  const alone = ['-rn'] // a network namespace of its own, in which nothing is up
  if (spawnSync('unshare', [...alone, 'true']).status !== 0)
    return skip('no loopback: this user cannot make a network namespace')
  const dataDir = at('alone')
  const argv = [...alone, process.execPath, MAIN, 'node', '--data-dir', dataDir, '--slots', '1']
  const child = spawn('unshare', argv, { stdio: ['ignore', 'inherit', 'pipe'] })
  const exit = new Promise<number | null>((resolve) => child.on('exit', resolve))
  try {
    let said = ''
    for await (const piece of child.stderr) {
      said += piece
      if (said.includes('the node takes work')) break
    }
    await using lonely = new Client({ socketPath: controlSocketPath(dataDir, process.platform) })
    const { warnings } = await lonely.info()
    assert.match(warnings.join(), /no address is listened at/)
    const status = await (await lonely.infer({ model: copy, input: good })).done()
    assert.is(status.rows.done, 3)
  } finally {
    child.kill('SIGTERM')
  }
  assert.is(await exit, 0)
})

test('after all this the node still works', async () => {
  const status = await (await client.infer({ model: copy, input: good, name: 'last' })).done()
  assert.is(status.rows.done, 3)
})

test.after(async () => {
  await cluster.stop()
  for (const [i, path] of [nodeDisk, outDisk].entries()) if (mounted[i]) spawnSync('umount', ['-l', path])
  await rm(folder, { recursive: true, force: true })
})
test.run()
