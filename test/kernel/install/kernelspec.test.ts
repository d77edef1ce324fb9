import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  examineKernel,
  findJupyter,
  findKernelspecs,
  type JupyterSystem,
  launcher,
  ownKernelspec,
  removeKernelspec,
  systemPrefix,
  writeKernelspec,
} from '../../../kernel/install/index.ts'
import { scratch } from '../../cli/command-line.ts'

const kernelspec = suite('the kernel in Jupyter')

/** A system of its own in a folder: nothing of this machine's Jupyter is seen. */
function systemIn(folder: string, env: Record<string, string> = {}): JupyterSystem {
  return {
    env: { PATH: join(folder, 'bin'), JUPYTER_DATA_DIR: join(folder, 'data'), ...env },
    home: folder,
    platform: 'linux',
  }
}

function program(folder: string, name: string, text: string): string {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  const path = join(folder, 'bin', name)
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

kernelspec('it starts this Node with this launcher, and is interrupted by message', async () => {
  using at = scratch()
  const folder = await writeKernelspec(
    join(at.folder, 'data'),
    ownKernelspec(process.execPath, { AIVIDA_DATA_DIR: '/d' }),
  )
  assert.is(folder, join(at.folder, 'data/kernels/aivida'))
  const spec = JSON.parse(readFileSync(join(folder, 'kernel.json'), 'utf8'))
  assert.equal(spec.argv, [process.execPath, launcher(), '{connection_file}'])
  assert.is(spec.interrupt_mode, 'message')
  assert.is(spec.language, 'typescript')
  assert.equal(spec.env, { AIVIDA_DATA_DIR: '/d' })
  assert.match(launcher(), /kernel\/launch\.js$/)
  assert.equal(readdirSync(join(at.folder, 'data/kernels')), ['aivida'], 'nothing is left beside it')
})

kernelspec('its logo is there in every form that front ends ask for', async () => {
  using at = scratch()
  const folder = await writeKernelspec(at.folder, ownKernelspec(process.execPath))
  for (const size of [32, 64]) {
    const { data, info } = await sharp(join(folder, `logo-${size}x${size}.png`))
      .raw()
      .toBuffer({ resolveWithObject: true })
    assert.equal([info.width, info.height], [size, size])
    assert.is.not(new Set(data).size, 1, 'it is not one colour')
  }
  assert.match(readFileSync(join(folder, 'logo-svg.svg'), 'utf8'), '<svg')
})

kernelspec('it is replaced, found and removed, and that of another program never', async () => {
  using at = scratch()
  const [first, second] = [join(at.folder, 'first'), join(at.folder, 'second')]
  await writeKernelspec(first, ownKernelspec('/old/node'))
  const folder = await writeKernelspec(first, ownKernelspec(process.execPath))
  const theirs = join(second, 'kernels/aivida')
  mkdirSync(theirs, { recursive: true })
  writeFileSync(join(theirs, 'kernel.json'), '{ "argv": ["x"], "display_name": "Theirs", "language": "y" }')
  const found = await findKernelspecs([second, first, join(at.folder, 'none')])
  assert.equal(
    found.map(({ folder, spec }) => [folder, spec?.argv[0]]),
    [
      [theirs, 'x'],
      [folder, process.execPath],
    ],
  )
  const refused = /expected no kernel of another program in .*, found Theirs/
  await rejects(writeKernelspec(second, ownKernelspec(process.execPath)), refused)
  await rejects(removeKernelspec(second), refused)
  assert.is(await removeKernelspec(first), true)
  assert.is(await removeKernelspec(first), false)
  assert.not(existsSync(folder))
})

kernelspec('jupyter is the one on the path, and its environment that of its first line', async () => {
  using at = scratch()
  const system = systemIn(at.folder)
  assert.is(findJupyter(system), undefined)
  const command = program(at.folder, 'jupyter', `#!${at.folder}/bin/python3.11\nimport sys\n`)
  assert.equal(findJupyter(system), { command, environment: { prefix: at.folder, isVirtual: false } })
  assert.is(await systemPrefix(system), at.folder)
  assert.is(await systemPrefix(systemIn(at.folder, { VIRTUAL_ENV: '/venv' })), '/venv')
  program(at.folder, 'jupyter', '#!/bin/sh\nexec somewhere-else\n')
  await rejects(systemPrefix(system), /expected an active Python environment or python3 on the path, found neither/)
  program(at.folder, 'python3', '#!/bin/sh\necho /from/python\n')
  assert.is(await systemPrefix(system), '/from/python')
})

/** `level check` of all that the doctor finds, and its words. */
async function examined(system: JupyterSystem) {
  const findings = await examineKernel(system)
  return {
    levels: findings.map(({ level, check }) => `${level} ${check}`),
    words: findings.map(({ message, remedy }) => `${message} -> ${remedy}`).join('\n'),
  }
}

kernelspec('the doctor says what is wrong, one thing after the other', async () => {
  using at = scratch()
  const system = systemIn(at.folder)
  const [data] = [join(at.folder, 'data')]

  const nothing = await examined(system)
  assert.equal(nothing.levels, ['warning jupyter', 'broken kernel'])
  assert.match(nothing.words, /no jupyter on the path -> pipx install jupyterlab/)
  assert.match(nothing.words, /not installed anywhere Jupyter looks -> aivida kernel install/)

  program(at.folder, 'jupyter', '#!/bin/sh\n')
  const own = ownKernelspec(process.execPath)
  const script = program(at.folder, 'launch.js', '')
  const wrong = async (argv: readonly string[]) => {
    await writeKernelspec(data, { ...own, argv: [...argv, '{connection_file}'] })
    const { levels, words } = await examined(system)
    assert.is(levels[0], 'ok jupyter')
    return `${levels.slice(1).join()} ${words}`
  }
  assert.match(await wrong(['/gone/node', script]), /^broken kernel[\s\S]*starts \/gone\/node, which is not there/)
  assert.match(
    await wrong([process.execPath, '/gone/launch.js']),
    /^broken kernel[\s\S]*launch.js, which is not there: aivida was moved/,
  )
  assert.match(await wrong([process.execPath, script]), /^warning kernel[\s\S]*starts another copy of aivida/)
  const old = program(at.folder, 'node', '#!/bin/sh\necho v18.0.0\n')
  assert.match(
    await wrong([old, script]),
    /^warning kernel,broken node[\s\S]*started with Node v18.0.0, and needs 24 or later/,
  )
  const { words } = await examined(system)
  assert.not.match(words, 'zeromq', 'what depends on it is not looked at')

  await writeKernelspec(data, { ...own, argv: [process.execPath, script, '{connection_file}'] })
  assert.match(
    (await examined(system)).words,
    /zeromq, by which Jupyter speaks to the kernel, cannot be loaded: Error: Cannot find module/,
  )

  writeFileSync(join(data, 'kernels/aivida/kernel.json'), '{')
  assert.match((await examined(system)).words, /kernel.json cannot be read -> aivida kernel install/)
  rmSync(data, { recursive: true })
})

kernelspec.run()

async function rejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => assert.unreachable('expected it to fail'),
    (thrown) => thrown,
  )
  assert.match(error.message, message)
}
