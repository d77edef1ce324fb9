import { type SqlToken, sqlTokens } from '../../runtime/data/table/sql-tokens.ts'

/** Functions that have a FROM of their own: `extract(year FROM day)`. */
const FROM_FUNCTIONS: readonly string[] = ['extract', 'substring', 'trim', 'overlay', 'position']
/** Behind which a relation's name cannot stand, so that a comma or word there begins something else. */
const CLAUSES: readonly string[] = [
  ...['where', 'group', 'order', 'having', 'limit', 'offset', 'union', 'intersect', 'except', 'select', 'window'],
  ...['qualify', 'on', 'using', 'sample', 'set', 'values', 'with', 'as'],
]
const IDENTIFIER = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u

/**
 * The variables that a query selects from: what stands behind FROM or JOIN, or between commas there, and is no function, no
 * schema, and no name that the query gives itself (`WITH name AS`). In order, each once.
 */
export function relationNames(sql: string): string[] {
  const tokens = sqlTokens(sql)
  const own = new Set(tokens.flatMap((_, i) => ownName(tokens, i) ?? []))
  const names = new Set<string>()
  /** For each open bracket whether a relation may come next, and whether the FROM in it is a clause. */
  const levels: { expects: boolean; inFrom: boolean; isFunction: boolean }[] = [
    { expects: false, inFrom: false, isFunction: false },
  ]
  for (const [i, token] of tokens.entries()) {
    const level = levels.at(-1)!
    const word = token.kind === 'word' ? token.text.toLowerCase() : ''
    if (token.kind === 'sign' && token.text === '(') {
      level.expects = false
      const before = tokens[i - 1]?.text.toLowerCase() ?? ''
      levels.push({ expects: false, inFrom: false, isFunction: FROM_FUNCTIONS.includes(before) })
    } else if (token.kind === 'sign' && token.text === ')') {
      if (levels.length > 1) levels.pop()
    } else if (token.kind === 'sign' && token.text === ',') {
      level.expects = level.inFrom
    } else if (word === 'from' && !level.isFunction && tokens[i - 1]?.text.toLowerCase() !== 'distinct') {
      level.expects = true
      level.inFrom = true
    } else if (word === 'join') {
      level.expects = true
      level.inFrom = true
    } else if (CLAUSES.includes(word)) {
      level.expects = false
      if (word !== 'as' && word !== 'on' && word !== 'using') level.inFrom = false
    } else if (level.expects && word !== 'lateral') {
      level.expects = false
      const next = tokens[i + 1]
      const isMore = next?.kind === 'sign' && (next.text === '(' || next.text === '.')
      const isName = (token.kind === 'word' || token.kind === 'quoted') && IDENTIFIER.test(token.text)
      if (isName && !isMore && !own.has(token.text.toLowerCase())) names.add(token.text)
    }
  }
  return [...names]
}

/** A name that stands before `AS (` or, with columns, before `(...) AS (`: what a WITH gives. */
function ownName(tokens: readonly SqlToken[], at: number): string | undefined {
  const { kind, text } = tokens[at]!
  if (kind !== 'word' && kind !== 'quoted') return undefined
  let next = at + 1
  if (tokens[next]?.text === '(') {
    while (next < tokens.length && tokens[next]!.text !== ')') next++
    next++
  }
  if (tokens[next]?.text.toLowerCase() !== 'as') return undefined
  do next++
  while (['not', 'materialized'].includes(tokens[next]?.text.toLowerCase() ?? ''))
  return tokens[next]?.text === '(' ? text.toLowerCase() : undefined
}
