import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli } from '../../runtime/cli/aivida.ts'
import type { DataEntry } from '../../runtime/node/data-shelf/data-entry.ts'
import { startTestControl, type TestControl } from '../support/control.ts'
import { fakeIo } from '../support/fake-io.ts'

const entry = (changes: Partial<DataEntry> = {}): DataEntry => ({
  name: 'rows.arrow',
  source: '/data/rows.arrow',
  state: 'here',
  receivedBytes: 2_048,
  sizeBytes: 2_048,
  blob: 'ab'.repeat(32),
  path: '/home/ada/.aivida/data/files/rows.arrow',
  addedWallMs: 0,
  ...changes,
})

async function aivida(control: TestControl, argv: string[], env: Record<string, string> = {}) {
  const io = fakeIo({ cwd: control.folder, env: { AIVIDA_SOCKET_PATH: control.socketPath, ...env } })
  const code = await runCli(argv, io)
  return { code, out: io.stdout(), err: io.stderr() }
}

const data = suite('aivida data')

data('a path, how long, what it hashes to, and where it is then', async () => {
  await using control = await startTestControl()
  control.service.entries = [entry()]
  const { code, out, err } = await aivida(control, [
    'data',
    'add',
    'rows.arrow',
    '--keep',
    '2h',
    '--sha256',
    'AB'.repeat(32),
  ])
  assert.is(code, 0, err)
  assert.equal(control.service.added, [
    { source: join(control.folder, 'rows.arrow'), keepMs: 7_200_000, sha256: 'ab'.repeat(32) },
  ])
  assert.is(out, `rows.arrow  ${'ab'.repeat(32)}  2.0 KiB\n/home/ada/.aivida/data/files/rows.arrow\n`)
  assert.match(err, 'rows.arrow: 2.0 KiB of 2.0 KiB')
  await aivida(control, ['data', 'add', '/x', '--name', 'y', '--keep', 'forever', '--detach'])
  assert.equal(control.service.added[1], { source: '/x', name: 'y' })
})

data('why it failed, as any other error', async () => {
  await using control = await startTestControl()
  const error = {
    code: 'remote.expired',
    category: 'user',
    message: 'the link has ended',
    retryable: false,
    facts: {},
  } as const
  control.service.entries = [entry({ state: 'failed', error })]
  const { code, err } = await aivida(control, ['data', 'add', 'https://host/rows.arrow?sig=1'])
  assert.is(code, 2)
  assert.match(err, 'error remote.expired: the link has ended')
  assert.equal(control.service.added[0]!.source, 'https://host/rows.arrow?sig=1')
})

data('an S3 address is signed here: the keys go nowhere', async () => {
  await using control = await startTestControl()
  control.service.entries = [entry()]
  const env = {
    AWS_ACCESS_KEY_ID: 'AKID',
    AWS_SECRET_ACCESS_KEY: 'SECRET-31aa',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9000',
  }
  const { code, out, err } = await aivida(control, ['data', 'add', 's3://bucket/a/rows.arrow'], env)
  assert.is(code, 0, err)
  const { source } = control.service.added[0]!
  assert.match(
    source,
    /^http:\/\/127\.0\.0\.1:9000\/bucket\/a\/rows\.arrow\?X-Amz-Algorithm=.*&X-Amz-Expires=21600&.*Signature=[0-9a-f]{64}$/,
  )
  assert.not.match(source + out + err, 'SECRET-31aa')
  assert.not.match(out + err, 'X-Amz')
  const without = await aivida(control, ['data', 'add', 's3://bucket/a/rows.arrow'])
  assert.match(without.err, 'error remote.no-keys')
})

data('list and remove', async () => {
  await using control = await startTestControl()
  control.service.entries = [
    entry({ untilWallMs: Date.UTC(2026, 0, 2) }),
    entry({ name: 'b', state: 'arriving', receivedBytes: 512, path: undefined }),
  ]
  const { out } = await aivida(control, ['data', 'list'])
  assert.match(out, /rows\.arrow +here +2\.0 KiB +2026-01-02T00:00:00\.000Z +\/home/)
  assert.match(out, /b +arriving, 25 % +2\.0 KiB +it is removed +\/data/)
  assert.is(JSON.parse((await aivida(control, ['data', 'list', '--json'])).out).length, 2)
  assert.is((await aivida(control, ['data', 'remove', 'b'])).out, 'b is let go\n')
  assert.equal(control.service.calls, ['remove data b'])
})

data.run()
