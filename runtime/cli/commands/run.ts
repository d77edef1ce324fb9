import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { envName, userError } from '../../base/index.ts'
import type { Cli, Session } from '../cli.ts'

/** `run`: a typed job script, without any set-up of its own. */
export function runCommand(cli: Cli): void {
  cli
    .command({
      usage: 'run <file> [args...]',
      description: "run a TypeScript job script, which may import { connect } from 'aivida'",
      action: run,
    })
    .passThroughOptions()
}

/** Runs the script in this process and returns when nothing is left of it. */
async function run({ config, io }: Session, [file, ...args]: readonly string[]): Promise<void> {
  const path = resolve(io.cwd, file!)
  if (!existsSync(path)) throw userError('script.missing', `expected a script at ${path}, found nothing`)
  // The script is a process of its own in all but name: it finds its arguments and the node where any script would.
  process.argv.splice(1, Number.POSITIVE_INFINITY, path, ...args)
  process.env[envName('dataDir')] = config.dataDir
  process.env[envName('socketPath')] = config.socketPath
  registerScriptHooks()
  const { tsImport } = await import('tsx/esm/api')
  await tsImport(pathToFileURL(path).href, import.meta.url)
  await once(process, 'beforeExit')
}

/**
 * Lets a script import us by name, wherever it lies and whether or not it has us installed, and takes TypeScript for
 * ES modules, so that a script needs no package.json to await at its top level.
 */
function registerScriptHooks(): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const url = new URL(`../../index.${extension}`, import.meta.url)
  if (!existsSync(fileURLToPath(url))) throw userError('script.no-index', `expected our own index at ${url}`)
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'aivida') return { url: url.href, shortCircuit: true }
      const found = next(specifier, context)
      const isUndecided = /\.ts(\?|$)/.test(found.url) && !found.format?.startsWith('module')
      return isUndecided ? { ...found, format: 'module' } : found
    },
  })
}
