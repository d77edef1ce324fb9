/** A piece of SQL that means something: comments and white space do not. */
export interface SqlToken {
  /** `text`: in single quotes, or between dollars. `quoted`: a name in double quotes. `word`: a bare one, or a number. */
  readonly kind: 'text' | 'quoted' | 'word' | 'sign'
  /** Without quotes. */
  readonly text: string
}

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[eE]?'((?:[^']|'')*)(?:'|$)|\$([A-Za-z_]*)\$([\s\S]*?)(?:\$\2\$|$)|"((?:[^"]|"")*)(?:"|$)|([\p{L}_$\d][\p{L}\p{N}_$]*)|([^\s])/gu

/** The tokens of a query, as far as names and texts go: DuckDB alone knows what they mean. */
export function sqlTokens(sql: string): SqlToken[] {
  return [...sql.matchAll(TOKEN)].flatMap(([, text, , dollars, quoted, word, sign]): SqlToken[] => {
    if (text !== undefined) return [{ kind: 'text', text: text.replaceAll("''", "'") }]
    if (dollars !== undefined) return [{ kind: 'text', text: dollars }]
    if (quoted !== undefined) return [{ kind: 'quoted', text: quoted.replaceAll('""', '"') }]
    if (word !== undefined) return [{ kind: 'word', text: word }]
    return sign === undefined ? [] : [{ kind: 'sign', text: sign }]
  })
}
