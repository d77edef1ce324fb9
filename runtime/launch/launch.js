/**
 * Brings the checkout's packages up to date, then runs a file under Node 24, which npm brings as a package. Plain
 * JavaScript for any Node >= 18, because it runs before anything is installed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cacheFolder } from './cache-folder.js'

const NODE_MAJOR = 24
const WATCH_MS = 500
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']

const here = fileURLToPath(import.meta.url)
const root = resolve(dirname(here), '../..')
const lockfile = join(root, 'package-lock.json') // never published, so only a checkout has it
const installedLockfile = join(root, 'node_modules/.package-lock.json')
/** Written when both were found to say the same, so that they are read once and not at every start. */
const comparedFile = join(root, 'node_modules/.package-lock.compared')

/** Runs `entry` (a path inside the package) with `args` under Node 24, in this process when it is one. */
export async function launch(entry, args) {
  if (existsSync(lockfile) && !wereCompared()) {
    if (isStale()) await install()
    else noteCompared()
  }
  followNpm()
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) return respawn([entry, ...args])
  if (process.send) followLauncher()
  const file = resolve(root, entry)
  process.argv.splice(1, Number.POSITIVE_INFINITY, file, ...args)
  // Types are stripped, and code compiled, once: from then on a command starts in a third of the time.
  module.enableCompileCache(cacheFolder())
  await import(pathToFileURL(file).href)
}

/** Whether node_modules differs from the lockfile. Optional packages may be absent: most are for other platforms. */
function isStale() {
  const wanted = packagesOf(lockfile)
  const installed = packagesOf(installedLockfile)
  const differs = (at) => {
    const { version, integrity, optional, peer } = wanted[at]
    if (!installed[at]) return !optional && !peer
    return installed[at].version !== version || (integrity && installed[at].integrity !== integrity)
  }
  return Object.keys(wanted).some((at) => at !== '' && differs(at)) || Object.keys(installed).some((at) => !wanted[at])
}

/** Whether both lockfiles are as they were when they were found to say the same. */
function wereCompared() {
  const comparedMs = changedMs(comparedFile)
  return comparedMs > changedMs(lockfile) && comparedMs > changedMs(installedLockfile)
}

function noteCompared() {
  try {
    writeFileSync(comparedFile, '')
  } catch {
    // packages that cannot be written to are compared each time
  }
}

/** No number where there is no such file: nothing is later than that. */
function changedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return {}
  }
}

/**
 * Two starts at once would take each other's files away: the second one waits for the first, and looks again. Install scripts
 * stay off: no package needs one, and one of them downloads from outside the registry.
 */
async function install() {
  const lock = join(tmpdir(), `aivida-install-${createHash('sha256').update(root).digest('hex').slice(0, 16)}`)
  let waits = false
  while (!takes(lock)) {
    if (!waits) console.error('aivida: another start installs packages, waiting for it ...')
    waits = true
    await sleep(WATCH_MS)
  }
  process.once('exit', () => rmSync(lock, { force: true }))
  if (!waits || isStale()) await runNpm(lock)
  rmSync(lock, { force: true })
}

/** Whether nobody else installs into this checkout: the lock names the process that does, which may have ended without a word. */
function takes(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') return true // no place for a lock: as if there were none
  }
  try {
    process.kill(Number(readFileSync(lock, 'utf8')) || process.pid, 0)
  } catch (error) {
    if (error.code === 'ESRCH') rmSync(lock, { force: true })
  }
  return false
}

/** npm ends with this process, or it would go on removing packages under whoever starts next. */
async function runNpm(lock) {
  console.error('aivida: installing packages, once ...')
  const args = ['ci', '--ignore-scripts', '--loglevel=error']
  const options = { cwd: root, stdio: ['ignore', 2, 2] } // stdout is the program's
  const npm = process.env.npm_execpath
  const child =
    npm && basename(npm) === 'npm-cli.js'
      ? spawn(process.execPath, [npm, ...args], options)
      : spawn(`npm ${args.join(' ')}`, { ...options, shell: true })
  if (child.pid !== undefined) writeFileSync(lock, String(child.pid))
  const end = (signal) => {
    child.kill(signal)
    process.exit(1)
  }
  for (const signal of PASSED_ON) process.once(signal, end)
  const [status] = await once(child, 'exit')
  for (const signal of PASSED_ON) process.off(signal, end)
  if (status !== 0) process.exit(status ?? 1)
}

/** Runs this file again under Node 24, passing signals, and the way it ended, through. */
function respawn(args) {
  const binary = node24()
  const env = { ...process.env, PATH: dirname(binary) + delimiter + process.env.PATH }
  const child = spawn(binary, [here, ...args], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  for (const signal of PASSED_ON) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !onTerminal) child.kill(signal) // Ctrl-C reaches both by itself
    })
  }
  child.on('error', (error) => fail(`aivida cannot start ${binary}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** The Node 24 binary that npm installed for this platform. */
function node24() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  try {
    const manifest = createRequire(here).resolve(`${name}/package.json`)
    return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return fail(
      `aivida needs Node ${NODE_MAJOR} or later. This is ${process.version}, and the package ${name}, which brings ` +
        `Node ${NODE_MAJOR}, is not installed: install again without --omit=optional, or run a newer Node.`,
    )
  }
}

/** Ends with npm: the shell between npm and this process forwards no signal, so watch that shell and its parent. */
function followNpm() {
  if (!process.env.npm_lifecycle_event) return
  delete process.env.npm_lifecycle_event // daemons started from here live on
  const before = ancestors()
  const timer = setInterval(() => {
    if (ancestors() === before) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, WATCH_MS).unref()
}

/** The ids of the parent and, where /proc tells it, of the parent's parent. */
function ancestors() {
  const parent = process.ppid
  try {
    const afterName = readFileSync(`/proc/${parent}/stat`, 'utf8').split(') ').pop()
    return `${parent} ${afterName.split(' ')[1]}`
  } catch {
    return `${parent}`
  }
}

/** Ends with the launcher that respawned this process, even when that one was killed outright. */
function followLauncher() {
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel.unref()
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

if (process.argv[1] && realpathSync(process.argv[1]) === here) await launch(process.argv[2], process.argv.slice(3))
