/**
 * Where the start-up snapshot of this package lies, and whether it may be used. Node refuses a snapshot of another build, and
 * ends; so everything that it holds or depends on is in its name. Plain JavaScript, for kernel/launch.js.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { cacheFolder as packageCache } from '../../runtime/launch/cache-folder.js'

const root = resolve(import.meta.dirname, '../..')
const isCheckout = existsSync(join(root, 'kernel/kernel.ts'))
/** Finds this package's own packages. */
export const own = createRequire(join(root, 'package.json'))

/** The kernel: from TypeScript in a checkout, compiled in an installed package. */
export const main = isCheckout ? join(root, 'kernel/main.ts') : join(root, 'dist/kernel/main.js')

/** What a snapshot is built from: given to entry.cjs, and part of the snapshot's name. */
export function snapshotPlan() {
  const extension = isCheckout ? 'ts' : 'js'
  const kernel = (name) => join(root, isCheckout ? '' : 'dist', `kernel/${name}.${extension}`)
  const dist = join(dirname(own.resolve('tslab/package.json')), 'dist')
  const typescript = createRequire(join(dist, 'main.js')).resolve('@tslab/typescript-for-tslab')
  return {
    typescript,
    compiler: kernel('language/compiler'),
    // It and all that it imports of ours: Node's loader is not there when a snapshot is built.
    modules: [
      ...['compiler', 'lazy-docs', 'newer-library', 'shelf', 'shelved-file', 'stopping'].map((name) =>
        kernel(`language/${name}`),
      ),
      kernel('declarations/session-types'),
    ],
    tslab: ['converter', 'metadata', 'inspect'].map((name) => join(dist, `${name}.js`)),
    typesFile: join(root, 'kernel/declarations/aivida.d.ts'),
    nodeTypes: dirname(own.resolve('@types/node/package.json')),
    entry: join(import.meta.dirname, 'entry.cjs'),
  }
}

/** The name of this package's snapshot on this machine and under this Node, without its size and ending. */
export function snapshotName() {
  return `kernel-${keyOf(snapshotPlan())}`
}

/** Where this package's snapshot is, with its size; `undefined` when there is none. Its name says its size: none is half of one. */
export function findSnapshot() {
  const folder = cacheFolder()
  const name = readdirSync(folder).find((file) => file.startsWith(`${snapshotName()}-`) && file.endsWith('.blob'))
  if (name === undefined) return undefined
  const blob = join(folder, name)
  const bytes = statSync(blob).size
  return bytes === Number(/-(\d+)\.blob$/.exec(name)?.[1]) ? { blob, bytes } : undefined
}

/** The snapshot that this process may start from; `undefined` when there is none, or the last start from it failed. */
export function fittingSnapshot() {
  if (process.env.KERNEL_SNAPSHOT === 'off') return undefined
  if (process.env.NODE_OPTIONS || process.execArgv.length > 0) return undefined // V8's flags must be those of the build
  try {
    const found = findSnapshot()
    if (found === undefined || !failedBefore(found.blob)) return found?.blob
    rmSync(found.blob, { force: true })
  } catch {
    // Whatever is wrong with a cache, the kernel starts without it.
  }
  return undefined
}

/** Says that this process is about to start from a snapshot: entry.cjs takes the mark away when it has. */
export function markStarting(blob) {
  const mark = `${blob}.${process.pid}.starting`
  writeFileSync(mark, '')
  return mark
}

/** Of this package's modules, compiled, and its snapshots. */
export function cacheFolder() {
  return process.env.KERNEL_CACHE ?? packageCache()
}

/** Whether a process that marked its start is gone without having taken the mark away. */
function failedBefore(blob) {
  let failed = false
  for (const name of readdirSync(dirname(blob))) {
    if (!name.startsWith(basename(blob)) || !name.endsWith('.starting')) continue
    const pid = Number(name.split('.').at(-2))
    if (isAlive(pid) && pid !== process.pid) continue
    failed = true
    rmSync(join(dirname(blob), name), { force: true })
  }
  return failed
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function keyOf({ typescript, modules, tslab, typesFile, nodeTypes, entry }) {
  const node = statSync(process.execPath)
  const parts = [
    process.version,
    process.versions.v8,
    process.platform,
    process.arch,
    `${node.size} ${node.mtimeMs}`,
    cpus()[0]?.model,
    root,
    ...[typescript, ...tslab, join(nodeTypes, 'package.json'), join(root, 'package.json')].map(stampOf),
    ...[...modules, typesFile, entry].map((path) => readFileSync(path)),
  ]
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part ?? '').update('\0')
  return hash.digest('hex').slice(0, 16)
}

function stampOf(path) {
  const { size, mtimeMs } = statSync(path)
  return `${path} ${size} ${mtimeMs}`
}
