import type * as TypeScript from '@tslab/typescript-for-tslab'

/** What is known of a word, as Markdown: its signature, its documentation, its parameters. */
export function quickInfoMarkdown({ displayParts = [], documentation = [], tags = [] }: TypeScript.QuickInfo): string {
  const parts = [`\`\`\`typescript\n${plain(displayParts)}\n\`\`\``]
  if (documentation.length > 0) parts.push(plain(documentation))
  for (const tag of tags) parts.push(tagMarkdown(tag))
  return parts.join('\n\n')
}

function tagMarkdown({ name, text = [] }: TypeScript.JSDocTagInfo): string {
  const body = plain(text)
  if (name === 'example') return body.includes('```') ? body : `\`\`\`typescript\n${body}\n\`\`\``
  if (name !== 'param') return `*@${name}* ${body}`
  const [parameter, ...rest] = body.split(' ')
  return `*@param* \`${parameter}\` ${rest.join(' ').replace(/^- /, '')}`
}

function plain(parts: readonly TypeScript.SymbolDisplayPart[]): string {
  return parts.map(({ text }) => text).join('')
}
