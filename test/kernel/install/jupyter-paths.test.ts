import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dataFolders, prefixDataFolder, userDataFolder } from '../../../kernel/install/index.ts'

const paths = suite("Jupyter's folders")

const system = (platform: NodeJS.Platform, env: Record<string, string> = {}) => ({
  platform,
  env,
  home: platform === 'win32' ? 'C:\\Users\\ada' : '/home/ada',
})

// As `jupyter_core.paths` 5.9 gives them.
const USER: readonly [NodeJS.Platform, Record<string, string>, string][] = [
  ['linux', {}, '/home/ada/.local/share/jupyter'],
  ['linux', { XDG_DATA_HOME: '/data' }, '/data/jupyter'],
  ['linux', { XDG_DATA_HOME: '' }, '/home/ada/.local/share/jupyter'],
  ['linux', { JUPYTER_DATA_DIR: '/own', XDG_DATA_HOME: '/data' }, '/own'],
  ['darwin', {}, '/home/ada/Library/Jupyter'],
  ['darwin', { XDG_DATA_HOME: '/data', JUPYTER_PLATFORM_DIRS: '0' }, '/home/ada/Library/Jupyter'],
  ['darwin', { JUPYTER_PLATFORM_DIRS: '1' }, '/home/ada/Library/Application Support/Jupyter'],
  ['win32', { APPDATA: 'C:\\Roaming' }, 'C:\\Roaming\\jupyter'],
  ['win32', {}, 'C:\\Users\\ada\\.jupyter\\data'],
  ['win32', { JUPYTER_PLATFORM_DIRS: 'yes', LOCALAPPDATA: 'C:\\Local' }, 'C:\\Local\\Jupyter'],
]

paths("the user's folder is where Jupyter itself looks", () => {
  for (const [platform, env, expected] of USER)
    assert.is(userDataFolder(system(platform, env)), expected, `${platform} ${JSON.stringify(env)}`)
})

paths("an environment's is in its share", () => {
  assert.is(prefixDataFolder('/venv', 'linux'), '/venv/share/jupyter')
  assert.is(prefixDataFolder('C:\\venv', 'win32'), 'C:\\venv\\share\\jupyter')
})

paths('all of them, the ones that win first, none twice', () => {
  const env = { JUPYTER_PATH: '/a:/b::/a' }
  assert.equal(dataFolders(system('linux', env), { prefix: '/usr', isVirtual: false }), [
    '/a',
    '/b',
    '/home/ada/.local/share/jupyter',
    '/usr/share/jupyter',
    '/usr/local/share/jupyter',
  ])
  const windows = dataFolders(system('win32', { JUPYTER_PATH: 'D:\\a;D:\\b', APPDATA: 'C:\\R' }), undefined)
  assert.equal(windows, ['D:\\a', 'D:\\b', 'C:\\R\\jupyter', 'C:\\ProgramData\\jupyter'])
})

paths("a virtual environment's kernels win over the user's, unless that is switched off", () => {
  const own = { prefix: '/venv', isVirtual: true }
  const user = '/home/ada/.local/share/jupyter'
  assert.equal(dataFolders(system('linux'), own).slice(0, 2), ['/venv/share/jupyter', user])
  const off = system('linux', { JUPYTER_PREFER_ENV_PATH: 'no' })
  assert.equal(dataFolders(off, own).slice(0, 2), [user, '/venv/share/jupyter'])
})

paths.run()
