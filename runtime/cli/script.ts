import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { userError } from '../base/index.ts'

/**
 * Runs a TypeScript file of the user's in this process and gives what it exports. It may import us by name, wherever it
 * lies. Throws `script.missing`, and whatever the file throws.
 */
export async function importScript(cwd: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(cwd, file)
  if (!existsSync(path)) throw userError('script.missing', `expected a script at ${path}, found nothing`)
  registerScriptHooks()
  const { tsImport } = await import('tsx/esm/api')
  return tsImport(pathToFileURL(path).href, import.meta.url)
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
