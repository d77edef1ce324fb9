/** `node kernel/main.ts CONNECTION_FILE`: the process that Jupyter starts. `launch.js` beside it starts it sooner. */
import { homedir } from 'node:os'
import { VERSION } from '../runtime/node/version.ts'
import { declarationsFile } from './declarations/declarations-file.ts'
import { bundleOf } from './display/bundle.ts'
import { startKernel } from './kernel.ts'
import { tslabLanguage } from './language/tslab-language.ts'
import { readConnection } from './messaging/connection.ts'
import { openSession } from './session/open-session.ts'

const { argv, env, platform } = process
const cwd = process.cwd() // the notebook's folder
const session = openSession({
  env,
  system: { home: homedir(), cwd, platform },
  typesFile: declarationsFile(),
})
await startKernel({
  connection: await readConnection(argv[2] ?? ''),
  language: tslabLanguage({ session, cwd }),
  session,
  render: bundleOf,
  info: { version: VERSION, languageVersion: '5.0.4' },
})
