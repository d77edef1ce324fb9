/**
 * Packs Aivida, installs the package with plain npm in an empty folder, and uses it there. Takes minutes, needs the
 * registry, and is therefore run by `.ci/run` rather than by `npm test`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import * as assert from 'uvu/assert'
import { readParts } from '../runtime/data/sources/index.ts'
import { typedArrayOf } from '../runtime/data/tensor/index.ts'
import { addModel } from './support/onnx-models.ts'

const root = resolve(import.meta.dirname, '..')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const scratch = mkdtempSync(join(tmpdir(), 'aivida packaging '))
const app = join(scratch, 'app')

/** A stranger's environment: nothing of this checkout in PATH or in npm's settings; install scripts are allowed. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local_prefix|config_ignore)/i.test(name),
  ),
)
env.PATH = (env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.startsWith(root))
  .join(delimiter)

try {
  const engine = join(root, 'node_modules/onnxruntime-node/package.json')
  const before = readFileSync(engine, 'utf8')
  step('npm pack')
  run('npm', ['pack', '--pack-destination', scratch], root)
  assert.is(readFileSync(engine, 'utf8'), before, 'packing leaves node_modules as it was')
  const archive = readdirSync(scratch).find((name) => name.endsWith('.tgz'))
  assert.ok(archive)

  step(`npm install ${archive}`)
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  run('npm', ['install', '--foreground-scripts', join(scratch, archive)], app)
  const installed = join(app, 'node_modules/aivida')
  assert.not(existsSync(join(installed, 'runtime/cli/main.ts')), 'the package carries no sources')
  assert.ok(existsSync(join(installed, 'dist/runtime/cli/main.js')), 'the package carries what was built')
  const engineScripts = JSON.parse(
    readFileSync(join(installed, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
  ).scripts
  assert.is(engineScripts, undefined, 'the bundled engine has no install script')

  step('npx aivida --version')
  assert.is(run('npx', ['aivida', '--version'], app).trim(), version)

  step("import { connect } from 'aivida'")
  writeFileSync(
    join(app, 'main.ts'),
    "import { connect } from 'aivida'\nexport const client = await connect({ dataDir: 'x' })\n",
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const types = join(root, 'node_modules/@types')
  run(
    process.execPath,
    [tsc, '--noEmit', '--strict', '--module', 'nodenext', '--typeRoots', types, '--types', 'node', 'main.ts'],
    app,
  )
  const script = "import { connect } from 'aivida'\nconsole.log(typeof connect)"
  assert.is(run('npx', ['node', '--input-type=module', '--eval', script], app).trim(), 'function')

  step('a job on one worker')
  const node = ['--data-dir', join(scratch, 'node')]
  writeFileSync(join(app, 'add.onnx'), addModel())
  writeFileSync(join(app, 'rows.jsonl'), '{"a": [1, 2, 3], "b": [10, 20, 30]}\n{"a": [4, 5, 6], "b": [40, 50, 60]}\n')
  run('npx', ['aivida', 'up', ...node, '--listen', '/ip4/127.0.0.1/udp/0/quic-v1', '--no-mdns'], app)
  try {
    run('npx', ['aivida', 'infer', ...node, '--model', 'add.onnx', '--input', 'rows.jsonl', '--out', 'result'], app)
  } finally {
    run('npx', ['aivida', 'stop', ...node], app)
  }
  const { sum } = await readParts(join(app, 'result'))
  assert.equal([...typedArrayOf(sum!)], [11, 22, 33, 44, 55, 66])

  step('a notebook')
  const cell =
    "import { dense } from 'aivida'\nconsole.log(typeof dense, typeof cluster.train, tf.tensor1d([1, 2]).size)"
  writeFileSync(join(app, 'try.ipynb'), notebookOf(cell))
  run('npx', ['aivida', 'notebook', 'run', 'try.ipynb', '--out', 'ran.ipynb'], app)
  assert.match(readFileSync(join(app, 'ran.ipynb'), 'utf8'), 'function function 2')

  console.log('the package works')
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function notebookOf(cell: string): string {
  return JSON.stringify({
    cells: [{ cell_type: 'code', id: 'only', metadata: {}, source: cell, outputs: [], execution_count: null }],
    metadata: { kernelspec: { name: 'aivida', display_name: 'Aivida', language: 'typescript' } },
    nbformat: 4,
    nbformat_minor: 5,
  })
}

function step(what: string): void {
  console.log(`== ${what}`)
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}
