/** `node kernel/main.ts CONNECTION_FILE`: the process that Jupyter starts. `launch.js` beside it starts it sooner. */
import { homedir } from 'node:os'
import { isAividaError } from '../runtime/base/errors.ts'
import { VERSION } from '../runtime/node/version.ts'
import { declarationsFile } from './declarations/declarations-file.ts'
import { bundleOf } from './display/bundle.ts'
import { isDisplayHandle } from './display/display.ts'
import { startKernel } from './kernel.ts'
import { tslabLanguage } from './language/tslab-language.ts'
import { installActions } from './magics/actions.ts'
import { SESSION_MAGICS } from './magics/session-magics.ts'
import { readConnection } from './messaging/connection.ts'
import { openSession } from './session/open-session.ts'

const { argv, env, platform, ppid: parent } = process
const cwd = process.cwd() // the notebook's folder
try {
  const connection = await readConnection(argv[2] ?? '')
  const system = { home: homedir(), cwd, platform }
  installActions()
  const session = openSession({ env, system, magics: SESSION_MAGICS, typesFile: declarationsFile() })
  const language = tslabLanguage({ session, cwd })
  const render = (value: unknown) => (isDisplayHandle(value) ? undefined : bundleOf(value))
  await startKernel({ connection, language, session, render, version: VERSION, parent })
} catch (error) {
  console.error(isAividaError(error) ? error.message : error)
  process.exit(1)
}
