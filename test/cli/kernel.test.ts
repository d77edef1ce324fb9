import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCli } from '../../runtime/cli/aivida.ts'
import { startTestControl } from '../support/control.ts'
import { fakeIo } from '../support/fake-io.ts'
import { scratch } from './command-line.ts'

/** A command in a system of its own: its home, its Jupyter's folder and its path are in `folder`. */
async function aivida(folder: string, ...argv: string[]) {
  const io = fakeIo({ env: { PATH: join(folder, 'bin') }, cwd: folder, home: folder, columns: 1_000 })
  const code = await runCli(argv, io)
  return { code, out: io.stdout(), err: io.stderr() }
}

const USER = '.local/share/jupyter/kernels/aivida'

test('the kernel is installed for this user, or in an environment, listed, and taken away', async () => {
  using at = scratch()
  const { out } = await aivida(at.folder, 'kernel', 'install', '--no-snapshot')
  assert.is(out, `the Aivida kernel is in ${join(at.folder, USER)}\nopen a notebook with it: jupyter lab, or VS Code\n`)
  const prefixed = await aivida(at.folder, 'kernel', 'install', '--no-snapshot', '--prefix', 'venv', '--json')
  assert.equal(JSON.parse(prefixed.out), { folder: join(at.folder, 'venv/share/jupyter/kernels/aivida') })
  const unseen = await aivida(at.folder, 'kernel', 'install', '--no-snapshot', '--prefix', 'venv')
  assert.match(unseen.out, `JUPYTER_PATH=${join(at.folder, 'venv/share/jupyter')} jupyter lab\n`)
  assert.ok(existsSync(join(at.folder, 'venv/share/jupyter/kernels/aivida/logo-64x64.png')))
  assert.match((await aivida(at.folder, 'kernel', 'list')).out, new RegExp(`^${join(at.folder, USER)}: .*launch.js`))
  assert.match((await aivida(at.folder, 'kernel', 'uninstall')).out, `removed ${join(at.folder, USER)}\n`)
  assert.is((await aivida(at.folder, 'kernel', 'uninstall')).out, 'there was none\n')
  assert.match((await aivida(at.folder, 'kernel', 'list')).out, 'aivida kernel install')
})

test('a folder is given the types of its notebooks, by default the one where the command runs', async () => {
  const at = scratch()
  for (const [argv, folder] of [
    [[], at.folder],
    [['notes'], join(at.folder, 'notes')],
  ] as const) {
    const types = join(folder, 'node_modules/@types/aivida-session')
    const { code, out } = await aivida(at.folder, 'kernel', 'types', ...argv)
    assert.is(code, 0)
    assert.match(out, `${types}\n`)
    const [, path] = /path="(.*)"/.exec(readFileSync(join(types, 'index.d.ts'), 'utf8'))!
    assert.match(readFileSync(path!, 'utf8'), 'const cluster')
  }
  assert.equal(JSON.parse((await aivida(at.folder, 'kernel', 'types', '--json')).out), {
    folder: join(at.folder, 'node_modules/@types/aivida-session'),
  })
})

test('a kernel that is installed for a certain node finds it wherever Jupyter is started', async () => {
  using at = scratch()
  await aivida(at.folder, 'kernel', 'install', '--no-snapshot', '--data-dir', 'node')
  const { env } = JSON.parse(readFileSync(join(at.folder, USER, 'kernel.json'), 'utf8'))
  assert.is(env.AIVIDA_DATA_DIR, join(at.folder, 'node'))
  assert.match(env.AIVIDA_SOCKET_PATH, join(at.folder, 'node'))
})

test('one place at a time, and one that can be found', async () => {
  using at = scratch()
  const both = await aivida(at.folder, 'kernel', 'install', '--user', '--sys-prefix')
  assert.match(`${both.code} ${both.err}`, /^2 error usage.place: expected one of --user, --prefix and --sys-prefix/)
  const none = await aivida(at.folder, 'kernel', 'install', '--sys-prefix')
  assert.match(`${none.code} ${none.err}`, /^2 error kernel.no-prefix: /)
})

test('the doctor says what is wrong by its exit code, too', async () => {
  using at = scratch()
  const { code, out } = await aivida(at.folder, 'kernel', 'doctor')
  assert.is(code, 1)
  assert.match(out, /broken +kernel +it is not installed anywhere Jupyter looks\n +try: aivida kernel install\n/)
})

test('without JupyterLab a notebook is not opened, and the ways to one are named', async () => {
  using at = scratch()
  const { code, err } = await aivida(at.folder, 'notebook', 'open')
  assert.is(code, 2)
  assert.match(err, /^error jupyter.missing: expected JupyterLab, found no jupyter on the path/)
  for (const way of ['pipx install jupyterlab', 'npx aivida kernel install', 'npx aivida notebook run'])
    assert.match(err, way)
})

test('a notebook is opened with the kernel, which is installed nowhere for that, and finds the node that runs', async () => {
  using at = scratch()
  await using control = await startTestControl()
  mkdirSync(join(at.folder, 'bin'))
  const seen = join(at.folder, 'seen')
  for (const name of ['jupyter', 'jupyter-lab'])
    writeFileSync(
      join(at.folder, 'bin', name),
      `#!/bin/sh\necho "$PWD" "$@" > ${seen}\n/bin/cat "$JUPYTER_PATH/kernels/aivida/kernel.json" >> ${seen}\n`,
      { mode: 0o755 },
    )
  writeFileSync(join(at.folder, 'a b.ipynb'), '{}')
  const env = { PATH: join(at.folder, 'bin'), AIVIDA_DATA_DIR: control.folder, AIVIDA_SOCKET_PATH: control.socketPath }
  const io = fakeIo({ env, cwd: at.folder, home: at.folder })
  const open = ['notebook', 'open', 'a b.ipynb', '--no-browser']
  assert.is(await runCli(open, io), 0, io.stderr())
  const [called, ...spec] = readFileSync(seen, 'utf8').split('\n')
  const lab = `${at.folder} lab --no-browser`
  const start = `${lab} --LabApp.default_url=/lab/tree/a%20b.ipynb a b.ipynb`
  assert.is(called, start)
  assert.is(JSON.parse(spec.join('\n')).env.AIVIDA_SOCKET_PATH, control.socketPath)
  const saw = () => readFileSync(seen, 'utf8').split('\n')[0]
  await runCli([...open, '--', '--port', '9000', '--allow-root'], io)
  assert.is(saw(), `${start} --port 9000 --allow-root`)
  await runCli(['notebook', 'open', '.', '--no-browser', '--', '--allow-root'], io)
  assert.is(saw(), `${lab} --allow-root`)
  assert.is(await runCli(['notebook', 'open', '.', '.'], io), 2)
  assert.not(existsSync(join(at.folder, USER)), 'nothing is written to the home folder')
})

test('what is no notebook of this kernel is refused before anything is started', async () => {
  using at = scratch()
  const refused = async (content: string | undefined, ...flags: string[]) => {
    if (content !== undefined) writeFileSync(join(at.folder, 'a.ipynb'), content)
    const { code, err } = await aivida(at.folder, 'notebook', 'run', 'a.ipynb', ...flags)
    return `${code} ${err}`
  }
  const python = { name: 'python3', display_name: 'Python 3' }
  const notebook = (metadata: object) => JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: [] })
  assert.match(await refused(undefined), /^2 error notebook.missing: /)
  assert.match(await refused('{'), /^2 error notebook.malformed: /)
  assert.match(
    await refused(notebook({ kernelspec: python })),
    /^2 error notebook.kernel: .*found one of Python 3 \(python3\).*jupyter execute/,
  )
  assert.match(await refused(notebook({ language_info: { name: 'R' } })), /^2 error notebook.kernel: .*found one of R /)
  assert.match(await refused(notebook({}), '--param', 'rate'), /^2 error notebook.parameter: expected NAME=VALUE/)
  assert.match(await refused(notebook({}), '--timeout', 'soon'), /^2 error usage.invalid-argument/)
  mkdirSync(join(at.folder, 'folder.ipynb'))
  const { err } = await aivida(at.folder, 'notebook', 'run', 'folder.ipynb')
  assert.match(err, 'notebook.missing: ')
})

test.run()
