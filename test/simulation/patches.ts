import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A snippet of a production file, and what the simulator's process loads in its place. */
export interface Patch {
  /** From the root of the project. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

const ROOT = resolve(import.meta.dirname, '../..')

/** The text with the snippet replaced. Throws when it is not there exactly once: the patch has to follow the code. */
export function patched(source: string, { file, find, replace }: Patch): string {
  const found = source.split(find).length - 1
  if (found !== 1)
    throw new Error(`expected this snippet once in ${file}, found it ${found} times; mend the patch:\n${find}`)
  return source.replace(find, () => replace)
}

/** Patches files as this process loads them. The returned function throws when one of them was not loaded. */
export function patchModules(patches: readonly Patch[]): () => void {
  const byUrl = Map.groupBy(patches, ({ file }) => pathToFileURL(join(ROOT, file)).href)
  const loaded = new Set<string>()
  registerHooks({
    load(url, context, nextLoad) {
      const wanted = byUrl.get(url)
      if (!wanted) return nextLoad(url, context)
      loaded.add(url)
      const source = wanted.reduce(patched, readFileSync(new URL(url), 'utf8'))
      return { format: 'module', source: stripTypeScriptTypes(source), shortCircuit: true }
    },
  })
  return () => {
    for (const url of byUrl.keys()) if (!loaded.has(url)) throw new Error(`${url} was to be patched and was not loaded`)
  }
}
