import { stat } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { userError } from '../../base/index.ts'
import { addressKey, shownUrl } from '../../data/remote/index.ts'
import { dataNameSchema } from './data-entry.ts'

/** Where data are brought from. */
export interface DataSource {
  /** What they are called here. */
  readonly name: string
  /** Tells it from every other source. */
  readonly key: string
  /** As it may be shown: never the signed part of an address. */
  readonly shown: string
  /** Bytes, where they are known before it is read. */
  readonly sizeBytes?: number
  /** What is read. */
  readonly from: { readonly type: 'address'; readonly url: string } | { readonly type: 'file'; readonly path: string }
}

/** What `source` names - an absolute path, or an http(s) address - and what it is called. Throws `data.not-found`, `data.name`, `remote.address`. */
export async function dataSource(source: string, given: string | undefined): Promise<DataSource> {
  const url = addressOf(source)
  if (url) {
    const name = nameOf(decodedName(url), given)
    return { name, key: addressKey(url), shown: shownUrl(url), from: { type: 'address', url: source } }
  }
  const name = nameOf(source, given)
  return { name, key: source, shown: source, sizeBytes: await sizeOf(source), from: { type: 'file', path: source } }
}

async function sizeOf(path: string): Promise<number> {
  const found = isAbsolute(path) ? await stat(path).catch(() => undefined) : undefined
  if (found?.isFile()) return found.size
  throw userError(
    'data.not-found',
    `${path}: expected a file, or an http or https address, found ${found ? 'something else' : 'nothing'}; pack a folder into one file`,
  )
}

/** What is written as a download; never taken for a path, which messages show whole. Throws `remote.address`. */
function addressOf(source: string): URL | undefined {
  if (!/^https?:/i.test(source)) return undefined
  if (URL.canParse(source)) return new URL(source)
  throw userError('remote.address', 'expected an http or https address, found one that no server can have')
}

function nameOf(source: string, given: string | undefined): string {
  const name =
    given ??
    basename(source)
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 100)
  if (dataNameSchema.safeParse(name).success) return name
  throw userError('data.name', `expected a name of letters, digits, dots, dashes and underscores; give one by --name`)
}

function decodedName({ pathname }: URL): string {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return pathname
  }
}
