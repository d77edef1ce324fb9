/** A piece of HTML that is safe to show: made by {@link html} alone. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What may stand in {@link html}. */
export type Shown = Markup | string | number | readonly Shown[] | undefined | false

/**
 * HTML with values in it. Text is escaped, whoever it is from, so that it stays text in elements and in quoted attributes;
 * only what this made itself goes in as it is. `undefined` and `false` show nothing.
 */
export function html(pieces: TemplateStringsArray, ...values: readonly Shown[]): Markup {
  return new Markup(pieces.map((piece, i) => `${piece}${shown(values[i])}`).join(''))
}

function shown(value: Shown): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escaped(value)
  return value.map(shown).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML; control and bidirectional characters, which could make it look like other text, become a sign. */
function escaped(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
    .replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu, '\ufffd')
}
