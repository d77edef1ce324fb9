import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../runtime/base/index.ts'
import { runCli } from '../../runtime/cli/aivida.ts'
import { fakeIo } from '../support/fake-io.ts'

const test = suite('aivida device')

const root = mkdtempSync(join(tmpdir(), 'aivida-test-'))
test.after(() => rmSync(root, { recursive: true }))
let folders = 0

/** Runs a command on a machine without any GPU program or driver. */
async function device(settings: object | undefined, ...argv: string[]) {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  if (settings) writeFileSync(join(folder, 'config.json'), JSON.stringify(settings))
  const env = { AIVIDA_DATA_DIR: folder, PATH: '', VK_DRIVER_FILES: '/nowhere.json', CUDA_VISIBLE_DEVICES: '' }
  const io = fakeIo({ clock: systemClock, env, cwd: folder })
  const code = await runCli(['device', ...argv], io)
  const config = () => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  return { code, out: io.stdout(), err: io.stderr(), config }
}

test('list tries each kind, and says why one is missing', async () => {
  const { code, out } = await device(undefined, 'list', '--json')
  assert.is(code, 0)
  const { devices, missing } = JSON.parse(out)
  assert.equal(
    devices.map(({ id, enabled, exact }: Record<string, unknown>) => [id, enabled, exact]),
    [['cpu', true, true]],
  )
  assert.match(devices[0].determinismClass, /^ort-\d+\.\d+\.\d+\/cpu\//)
  assert.equal(
    missing.map((each: Record<string, unknown>) => [each.device, each.code]),
    [
      ['webgpu', 'engine.no-provider'],
      ['cuda', 'device.no-gpu'],
    ],
  )
})

test('enable cuda without a GPU says so, exits as a matter of the machine, and changes nothing', async () => {
  const settings = { v: 1, slots: 2 }
  const { code, err, config } = await device(settings, 'enable', 'cuda', '--yes')
  assert.is(code, 4)
  assert.match(err, /device\.no-gpu.*nvidia-smi lists none/)
  assert.equal(config(), settings)
})

test('what is enabled and disabled is a setting like any other', async () => {
  const settings = { v: 1, slots: 2, devices: ['cuda', 'webgpu'] }
  const off = await device(settings, 'disable', 'cuda')
  assert.equal([off.code, off.config()], [0, { ...settings, devices: ['webgpu'] }])
  const on = await device(settings, 'enable', 'cpu')
  assert.equal([on.code, on.config()], [0, { ...settings, devices: ['cpu', 'webgpu', 'cuda'] }])
  const last = await device({ v: 1, devices: ['webgpu'] }, 'disable', 'webgpu')
  assert.is(last.code, 2)
  assert.match(last.err, /device\.last/)
  assert.is((await device(undefined, 'enable', 'abacus')).code, 2)
})

test.run()
