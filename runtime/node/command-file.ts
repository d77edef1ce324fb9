import { fileURLToPath } from 'node:url'

/**
 * What a process of our own is started with, behind `process.execPath`: the `aivida` command, which compiles nothing that an
 * earlier process has compiled.
 */
export const COMMAND_FILE: string = fileURLToPath(
  new URL(`${import.meta.url.endsWith('.ts') ? '..' : '../../../runtime'}/launch/aivida.js`, import.meta.url),
)
