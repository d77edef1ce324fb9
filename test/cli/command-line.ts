import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../runtime/base/index.ts'
import { runCli } from '../../runtime/cli/aivida.ts'
import { fakeIo } from '../support/fake-io.ts'

/** A folder that goes with the test. */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'aivida-'))
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** A command in this process, its data in `folder`; the node that it may start is a process of its own. */
export async function aivida(folder: string, ...argv: string[]) {
  const keepAlive = setInterval(() => {}, 1_000) // the machine's clock does not
  const io = fakeIo({ env: { ...process.env, AIVIDA_DATA_DIR: '.' }, cwd: folder, clock: systemClock })
  const code = await runCli(argv, io)
  clearInterval(keepAlive)
  return { code, out: io.stdout(), err: io.stderr() }
}
