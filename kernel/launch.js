/**
 * What Jupyter starts: `node kernel/launch.js CONNECTION_FILE`. Becomes the kernel in a few milliseconds, from a start-up
 * snapshot when one fits (kernel/snapshot), else plainly. Plain JavaScript for any Node >= 20.
 *
 * `node kernel/launch.js snapshot status|build` says in JSON how the snapshot is, or builds it.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NODE_MAJOR = 24
/** A kernel that is used is left alone first; one that is closed at once needs no snapshot. */
const BUILD_AFTER_MS = 15_000

const here = fileURLToPath(import.meta.url)
const args = process.argv.slice(2)

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) {
  const { launch } = await import('../runtime/launch/launch.js')
  await launch('kernel/launch.js', args)
} else if (args[0] === 'snapshot') {
  const { buildSnapshot, snapshotStatus } = await import('./snapshot/build.js')
  try {
    console.log(JSON.stringify(args[1] === 'build' ? await buildSnapshot() : snapshotStatus()))
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
} else {
  await start()
}

/** Replaces this process where the system can, so that Jupyter's signals and the process id are the kernel's. */
async function start() {
  const { cacheFolder, fittingSnapshot, main, markStarting } = await import('./snapshot/find.js')
  const blob = fittingSnapshot()
  if (blob && process.execve) {
    const env = { ...process.env, KERNEL_STARTING: markStarting(blob), KERNEL_CACHE: cacheFolder() }
    // What the snapshot holds is the heap's beginning, not growth that V8 should look through at once.
    const options = ['--initial-old-space-size=256', '--snapshot-blob', blob]
    process.execve(process.execPath, [process.execPath, ...options, main, ...args], env)
  }
  const { enableCompileCache } = await import('node:module')
  enableCompileCache(cacheFolder())
  process.argv.splice(1, 1, main)
  await import(pathToFileURL(main).href)
  if (!blob) setTimeout(buildInBackground, BUILD_AFTER_MS).unref()
}

/** The next start is to be faster: on its own, with low priority, and nobody waits for it. */
function buildInBackground() {
  const child = spawn(process.execPath, [here, 'snapshot', 'build'], { detached: true, stdio: 'ignore' })
  child.on('error', () => {})
  child.unref()
}
