import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AividaError, userError } from '../../runtime/base/errors.ts'
import { currentCell } from '../cell.ts'

/** What npm takes for a package from a registry: a name, with a scope or not, and a version, range or tag. */
const PACKAGE = /^(?:@[a-z0-9][a-z0-9._~-]*\/)?[a-z0-9][a-z0-9._~-]*(?:@[\w.^~<>=*|-]+)?$/i

/**
 * `%npm install NAME...`: packages into the notebook's folder, so that `import` finds them. Scripts of packages are not run.
 * What npm says is shown as it comes; interrupting the cell ends it. Throws `magic.arguments`, `npm.failed`.
 */
export async function install(args: string): Promise<void> {
  const [command, ...names] = args.split(/\s+/).filter(Boolean)
  const wrong = names.find((name) => !PACKAGE.test(name))
  if (command !== 'install' || names.length === 0 || wrong !== undefined)
    throw userError(
      'magic.arguments',
      `expected %npm install NAME, such as %npm install ml-matrix@6, found ${wrong === undefined ? `%npm ${args}` : JSON.stringify(wrong)}`,
    )
  const cell = currentCell()
  const signal = cell?.signal
  const options = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--', ...names]
  const { file, before } = await npm()
  const child = spawn(file, [...before, ...options], {
    cwd: process.cwd(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal && { signal }),
  })
  for (const [stream, name] of [
    [child.stdout, 'stdout'],
    [child.stderr, 'stderr'],
  ] as const)
    stream.setEncoding('utf8').on('data', (text: string) => cell?.put({ type: 'stream', name, text }))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).catch((error: unknown) => {
    throw new AividaError({
      code: 'npm.failed',
      category: 'platform',
      message: `npm did not run: ${(error as Error).message}`,
      cause: error,
    })
  })
  if (code !== 0)
    throw new AividaError({
      code: 'npm.failed',
      category: 'user',
      message: `npm ended with ${code}; what it said stands above`,
    })
}

/** npm as a script of this Node where it comes with one, so that no shell is needed; else the command. */
async function npm(): Promise<{ readonly file: string; readonly before: readonly string[] }> {
  const home = dirname(process.execPath)
  const places = [
    process.env.npm_execpath,
    join(home, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(home, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  for (const place of places)
    if (
      place?.endsWith('npm-cli.js') &&
      (await access(place).then(
        () => true,
        () => false,
      ))
    )
      return { file: process.execPath, before: [place] }
  return { file: process.platform === 'win32' ? 'npm.cmd' : 'npm', before: [] }
}
