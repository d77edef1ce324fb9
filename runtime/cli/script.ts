import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { AividaError, isAividaError, userError } from '../base/index.ts'

/**
 * Runs a TypeScript file of the user's in this process and gives what it exports. It may import us by name, wherever it
 * lies. Throws `script.missing`, the errors of ours that it throws, and `script.failed` for any other and for what cannot
 * be compiled.
 */
export async function importScript(cwd: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(cwd, file)
  if (!existsSync(path)) throw userError('script.missing', `expected a script at ${path}, found nothing`)
  registerScriptHooks()
  const { register } = await import('tsx/esm/api')
  register()
  try {
    return await import(pathToFileURL(path).href)
  } catch (error) {
    throw isAividaError(error) ? error : scriptFailed(file, error)
  }
}

/** The lines of its stack that are the user's lead to the place, and not those of what loaded it. */
function scriptFailed(file: string, error: unknown): AividaError {
  const [what, stack] = error instanceof Error ? [error.message, error.stack ?? ''] : [String(error), '']
  const theirs = stack.split('\n').filter((line) => /^ {4}at /.test(line) && !isLoaders(line))
  const message = [`${file} failed: ${what}`, ...theirs].join('\n')
  return new AividaError({ code: 'script.failed', category: 'user', message, cause: error })
}

/** Whether a line of a stack is of Node's own files, those of packages, or ours. */
function isLoaders(line: string): boolean {
  const own = new URL('..', import.meta.url)
  return ['node:', 'node_modules', own.href, fileURLToPath(own)].some((place) => line.includes(place))
}

/**
 * Lets a script import us by name, wherever it lies and whether or not it has us installed, and takes TypeScript for
 * ES modules, so that a script needs no package.json to await at its top level.
 */
function registerScriptHooks(): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const url = new URL(`../index.${extension}`, import.meta.url)
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
