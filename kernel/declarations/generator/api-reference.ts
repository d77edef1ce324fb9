import { relative } from 'node:path'
import type { Global } from './globals-text.ts'
import type { Declared } from './module-text.ts'
import { proseOf } from './source-text.ts'

/** Parts of the library by the folder of `runtime/` that they come from, as a reader meets them; the first that fits counts. */
const AREAS: readonly (readonly [folder: string, title: string])[] = [
  ['index.ts', 'Connecting'],
  ['node/control', 'Jobs, from a client'],
  ['node/training', 'Trainings'],
  ['node/sweep', 'Sweeps'],
  ['compute/graph/layers', 'Layers'],
  ['compute/graph/training', 'Losses, optimisers, training steps'],
  ['compute/graph/import', 'Models of others'],
  ['compute/graph', 'Graphs'],
  ['data/rows', 'Rows to learn from'],
  ['data/sources', 'Files and data sets'],
  ['data/tensor', 'Tensors'],
  ['node', 'What a node says of itself and keeps'],
  ['protocol', 'Requests, states and events of jobs'],
  ['base', 'Errors'],
]
const HEADER = '<!-- Written by `npm run types` from the sources and their comments. Not to be edited. -->'

/** The reference of the module `aivida`, as Markdown. `root`: the folder of the project. Throws for a part that has no title. */
export function apiReference(declared: readonly Declared[], root: string): string {
  const areas = new Map(AREAS.map(([, title]) => [title, [] as Declared[]]))
  for (const each of declared.filter(({ named }) => named.isPublic)) {
    const file = relative(`${root}/runtime`, fileOf(each))
    const area = AREAS.find(([folder]) => file.startsWith(folder))
    if (!area)
      throw new Error(`${file}: ${each.named.name} is part of no area of the API reference; give its folder a title`)
    areas.get(area[1])!.push(each)
  }
  const page = new Page()
  const parts = [...areas].map(([title, entries]) => page.area(title, entries))
  return `${HEADER}
# The module \`aivida\`

\`import { connect, training, conv2d } from 'aivida'\`: all of it, with what its comments say. Cells of a notebook have more, see
[what cells find](../kernel/SESSION.md).

${page.contents()}

${page.linked(parts.join('\n'))}`
}

/** The reference of what cells find without an import, as Markdown. */
export function sessionReference(globals: readonly Global[], declared: readonly Declared[]): string {
  const page = new Page()
  const rows = globals.map(({ name, type, doc }) => `| \`${name}\` | \`${type}\` | ${inRow(doc)} |`)
  const types = page.area('Types', declared)
  return `${HEADER}
# What cells find

Without an import, typed, with their documentation on Shift-Tab. \`import { ... } from 'aivida'\` has [the rest](../runtime/API.md).

| Name | Type | What it is |
|---|---|---|
${rows.join('\n')}

${page.linked(types)}`
}

/** Headings have anchors as GitHub makes them; a second one of the same name gets a number. */
class Page {
  readonly #slugs = new Map<string, number>()
  readonly #anchors = new Map<string, string>()
  readonly #titles: string[] = []

  area(title: string, entries: readonly Declared[]): string {
    const anchor = this.#anchorOf(title)
    this.#titles.push(`- [${title}](#${anchor})`)
    const sections = entries.map((entry) => this.#entry(entry))
    const rows = entries.map(
      ({ named, text }) =>
        `| [\`${named.name}\`](#${this.#anchors.get(named.name)}) | ${inRow(firstSentence(split(text).doc))} |`,
    )
    return `## ${title}\n\n| Name | |\n|---|---|\n${rows.join('\n')}\n\n${sections.join('\n')}`
  }

  contents(): string {
    return this.#titles.join('\n')
  }

  /** With `{@link X}` led to where X is told of, where it is. */
  linked(text: string): string {
    return text.replace(/\{@link ([\w.]+)\}/g, (_, name: string) => {
      const anchor = this.#anchors.get(name.split('.')[0]!)
      return anchor === undefined ? `\`${name}\`` : `[\`${name}\`](#${anchor})`
    })
  }

  #entry({ named: { name }, text }: Declared): string {
    this.#anchors.set(name, this.#anchorOf(name))
    const { doc, code } = split(text)
    return `### ${name}\n\n${doc}\n\n\`\`\`ts\n${code.replace(/\{@link ([\w.]+)\}/g, '$1')}\n\`\`\`\n`
  }

  #anchorOf(title: string): string {
    const slug = title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-')
    const before = this.#slugs.get(slug) ?? 0
    this.#slugs.set(slug, before + 1)
    return before === 0 ? slug : `${slug}-${before}`
  }
}

/** The prose of a declaration's own comment, and what it stands before. */
function split(text: string): { readonly doc: string; readonly code: string } {
  const comment = /^\/\*\*[\s\S]*?\*\/\n/.exec(text)?.[0] ?? ''
  return { doc: proseOf(comment), code: text.slice(comment.length) }
}

function firstSentence(prose: string): string {
  return /^[\s\S]*?\.(?=\s|$)/.exec(prose)?.[0] ?? prose
}

/** In one line, with nothing that ends a table's cell. */
function inRow(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|')
}

function fileOf({ named }: Declared): string {
  return named.symbol.declarations![0]!.getSourceFile().fileName
}
