import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ConfigSources, configPath, describeConfig } from '../../runtime/base/config.ts'
import type { ConfigSystem } from '../../runtime/base/config-options.ts'
import { CONFIG_OPTIONS, controlSocketPath, isAividaError, loadConfig } from '../../runtime/base/index.ts'
import { nearest } from '../../runtime/base/nearest.ts'

const system: ConfigSystem = { home: '/home/ada', cwd: '/work', platform: 'linux' }
const load = (sources: Omit<ConfigSources, 'system'> = {}) => loadConfig({ system, ...sources })
const file = (content: object) => ({ path: 'config.json', text: JSON.stringify(content) })

const config = suite('config')

config('has a working default for every option', () => {
  const defaults = load()
  assert.equal(Object.keys(defaults).sort(), Object.keys(CONFIG_OPTIONS).sort())
  assert.is(defaults.dataDir, '/home/ada/.aivida')
  assert.is(defaults.socketPath, '/home/ada/.aivida/control.sock')
  assert.is(defaults.slots, 'auto')
  assert.is(defaults.diskBudgetBytes, 20 * 1024 ** 3)
  assert.is(defaults.metricsPort, undefined)
  for (const [key, { schema }] of Object.entries(CONFIG_OPTIONS))
    assert.ok(schema.safeParse(defaults[key as keyof typeof defaults]).success, key)
})

config('flags win over the environment, the environment over the file, option by option', () => {
  const merged = load({
    file: file({ v: 1, slots: 1, threadsPerSlot: 1, logLevel: 'debug', mdns: false }),
    env: { AIVIDA_SLOTS: '2', AIVIDA_THREADS_PER_SLOT: '2', PATH: '/bin' },
    flags: { slots: '3', role: undefined },
  })
  assert.equal(
    [merged.slots, merged.threadsPerSlot, merged.logLevel, merged.mdns, merged.role],
    [3, 2, 'debug', false, 'both'],
  )
})

config('takes falsy values for what they are', () => {
  const { mdns, seeds, metricsPort } = load({
    env: { AIVIDA_MDNS: 'false', AIVIDA_SEEDS: '', AIVIDA_METRICS_PORT: '0' },
  })
  assert.equal([mdns, seeds, metricsPort], [false, [], 0])
})

config('reads lists and sizes as text', () => {
  const { listen, diskBudgetBytes } = load({
    env: { AIVIDA_LISTEN: '/ip4/127.0.0.1/tcp/1,/ip4/127.0.0.1/tcp/2', AIVIDA_DISK_BUDGET_BYTES: '512MiB' },
  })
  assert.equal(listen, ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2'])
  assert.is(diskBudgetBytes, 512 * 1024 ** 2)
})

config('makes paths absolute; the socket follows the data folder', () => {
  assert.is(load({ flags: { dataDir: 'a b' } }).socketPath, '/work/a b/control.sock')
  assert.is(load({ env: { AIVIDA_DATA_DIR: '~/node' } }).dataDir, '/home/ada/node')
  assert.match(loadConfig({ system: { ...system, platform: 'win32' } }).socketPath, /pipe\\aivida-[0-9a-f]{16}$/)
  assert.is(configPath({ system, env: { AIVIDA_DATA_DIR: '/data' } }), '/data/config.json')
})

config('is frozen, lists included', () => {
  const frozen = load({ env: { AIVIDA_SEEDS: '/dns/a/tcp/1' } })
  for (const value of [frozen, frozen.listen, frozen.seeds]) assert.ok(Object.isFrozen(value))
})

config('names the nearest option for a typo, whatever its source', () => {
  const typos: [Omit<ConfigSources, 'system'>, RegExp][] = [
    [{ file: file({ v: 1, slotz: 3 }) }, /"slotz" in config\.json: did you mean slots\?/],
    [{ env: { AIVIDA_DATADIR: '/x' } }, /"AIVIDA_DATADIR" in the environment: did you mean AIVIDA_DATA_DIR\?/],
    [{ flags: { treadsPerSlot: 2 } }, /did you mean threadsPerSlot\?/],
    [{ file: file({ v: 1, xylophone: 3 }) }, /known are dataDir, /],
    [{ file: { path: 'config.json', text: '{"v":1,"__proto__":1}' } }, /unknown option "__proto__"/],
  ]
  for (const [sources, message] of typos) assert.throws(() => load(sources), is('config.unknown-key', message))
})

config('says of every wrong value what was expected, what came and from where', () => {
  const wrong = {
    file: file({ v: 1, slots: 0, mdns: 'maybe' }),
    env: { AIVIDA_ROLE: 'boss' },
    flags: { listen: 'tcp' },
  }
  const error = (() => {
    try {
      return load(wrong)
    } catch (error) {
      return error
    }
  })()
  assert.ok(isAividaError(error, 'config.invalid') && error.category === 'config')
  assert.equal(
    error.message.split('\n').map((line) => line.replace(/expected .*, found/, 'found')),
    [
      'slots: found 0 (config.json)',
      'mdns: found "maybe" (config.json)',
      'role: found "boss" (AIVIDA_ROLE)',
      'listen: found "tcp" (--listen)',
    ],
  )
  assert.match(error.message, /slots: expected auto or a whole number from 1 to 1024,/)
  for (const value of ['', '-1', '1.5', '12 parsecs', '1e3', null])
    assert.throws(() => load({ flags: { diskBudgetBytes: value } }), is('config.invalid', /such as 512MiB/))
  const many = new Array(65).fill('/dns/a/tcp/1').join(',')
  assert.throws(() => load({ env: { AIVIDA_SEEDS: many } }), is('config.invalid', /at most 64/))
})

config('refuses a file that is not a JSON object of a known version', () => {
  const text = (text: string) => ({ file: { path: 'config.json', text } })
  assert.throws(() => load(text('{"v": 1,')), is('config.malformed', /not JSON/))
  assert.throws(() => load(text('[]')), is('config.malformed', /expected a JSON object/))
  assert.throws(() => load(text(`{"v":1,"role":"${'x'.repeat(70_000)}"}`)), is('config.malformed', /larger than/))
  assert.throws(
    () => load(text('{"slots":1}')),
    is('config.version', /expected "v": 1 beside the options, found nothing/),
  )
  assert.throws(() => load(text('{"v":2}')), is('config.version', /found 2/))
})

config('describes every option for help: names, default, meaning', () => {
  const described = describeConfig()
  assert.is(described.length, Object.keys(CONFIG_OPTIONS).length)
  assert.equal(
    described.find(({ key }) => key === 'diskBudgetBytes'),
    {
      key: 'diskBudgetBytes',
      env: 'AIVIDA_DISK_BUDGET_BYTES',
      flag: '--disk-budget-bytes',
      default: '21474836480',
      expected: CONFIG_OPTIONS.diskBudgetBytes.expected,
      unit: 'bytes',
      description: CONFIG_OPTIONS.diskBudgetBytes.description,
      live: false,
    },
  )
  assert.is(described[0]!.default, '~/.aivida')
})

config('nearest counts edits and gives up on the far', () => {
  assert.is(nearest('lisen', ['seeds', 'listen']), 'listen')
  assert.is(nearest('MDNS', ['mdns']), 'mdns')
  assert.is(nearest('abc', ['xyz']), undefined)
})

config('puts the control socket into the data folder, on Windows into the space of pipes', () => {
  assert.is(controlSocketPath('/data', 'linux'), '/data/control.sock')
  assert.match(controlSocketPath('C:\\data', 'win32'), /^\\\\\.\\pipe\\aivida-[0-9a-f]{16}$/)
})

config.run()

function is(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => isAividaError(error, code) && message.test(error.message)
}
