/** Builds the start-up snapshot of this package: some seconds of one core, some 35 MB. Plain JavaScript, for kernel/launch.js. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { builtinModules, createRequire } from 'node:module'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, findSnapshot, own, snapshotName, snapshotPlan } from './find.js'

const BUILD_MS = 180_000
const CHECK_MS = 30_000
/** Besides the newest: of another Node, or of a checkout that goes to and fro. */
const KEPT = 2

const run = promisify(execFile)

/** What cells do first, so that a snapshot has it done: each follows the one before. */
const WARM_UP = [
  '1 + 1',
  'const warm: number = 1\nlet { a, b: [c] } = { a: "", b: [warm] }',
  'import { readFileSync } from "node:fs"\nfunction f<T>(x: T[]): T | undefined { return x.find((each) => each === a) }\nclass C { private n = 1 }',
  'interface Point { x: number }\nconst point: Point = { x: warm }\nawait Promise.resolve(point)',
]

/** The snapshot for this Node and package, where there is one: `{ folder, blob, bytes }`. */
export function snapshotStatus() {
  return { folder: cacheFolder(), ...findSnapshot() }
}

/** Builds it where there is none: `{ folder, blob, bytes, built }`. Throws where it cannot be built, or does not start. */
export async function buildSnapshot() {
  if (findSnapshot()) return { ...snapshotStatus(), built: false }
  const folder = cacheFolder()
  mkdirSync(folder, { recursive: true })
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  const name = join(folder, snapshotName())
  const { typesFile, nodeTypes, entry, ...plan } = snapshotPlan()
  const setup = { typesFile, nodeTypes, builtins: builtinModules }
  const unfinished = `${name}.${process.pid}.building`
  const planFile = `${unfinished}.json`
  const shortFile = `${unfinished}.js`
  const env = { ...process.env, NODE_OPTIONS: '' }
  try {
    const texts = shortened(plan.typescript, shortFile) ? { [plan.typescript]: shortFile } : {}
    writeFileSync(planFile, JSON.stringify({ ...plan, texts, setup, folder, warm: WARM_UP }))
    await run(process.execPath, ['--snapshot-blob', unfinished, '--build-snapshot', entry, planFile], {
      env,
      timeout: BUILD_MS,
    })
    const { stdout } = await run(process.execPath, ['--snapshot-blob', unfinished], {
      env: { ...env, KERNEL_CHECK: '1' },
      timeout: CHECK_MS,
    })
    if (stdout.trim() !== 'ok') throw new Error(`it says ${JSON.stringify(stdout.slice(0, 200))} instead of ok`)
    renameSync(unfinished, `${name}-${statSync(unfinished).size}.blob`)
  } catch (error) {
    const told = String(error.stderr ?? '')
      .trim()
      .slice(0, 500)
    throw new Error(`the start-up snapshot cannot be built, kernels start without it: ${told || error.message}`)
  } finally {
    rmSync(planFile, { force: true })
    rmSync(shortFile, { force: true })
    rmSync(unfinished, { force: true })
  }
  forgetOld(folder)
  return { ...snapshotStatus(), built: true }
}

/**
 * Writes a script without comments, spaces and long names, by the esbuild that tsx stands on: a snapshot holds the text of its
 * functions, twice once it has started, and TypeScript's is 8 million characters of two bytes each. False where that cannot be.
 */
function shortened(script, into) {
  try {
    const { transformSync } = createRequire(own.resolve('tsx/package.json'))('esbuild')
    const short = { minifyWhitespace: true, minifyIdentifiers: true, legalComments: 'none' }
    writeFileSync(into, transformSync(readFileSync(script, 'utf8'), short).code)
    return true
  } catch {
    return false
  }
}

/** The newest, which is this one, and few others. */
function forgetOld(folder) {
  const blobs = readdirSync(folder)
    .filter((name) => /^kernel-.*\.blob$/.test(name))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  for (const old of blobs.slice(1 + KEPT)) rmSync(old, { force: true })
}
