/** JSON as V8 reads and writes it with numbers kept as they were spelled (https://github.com/tc39/proposal-json-parse-with-source). */
const json: typeof JSON & { rawJSON(text: string): object; isRawJSON(value: unknown): boolean } = JSON as never

/** Parses JSON; a number that JavaScript would spell otherwise (`1.0`, an id beyond 2^53) goes out again as it came in. */
export function parseExactly(text: string): unknown {
  const keep = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? json.rawJSON(context.source)
      : value
  return JSON.parse(text, keep)
}

/**
 * JSON as Jupyter writes notebooks - one space a level, keys sorted, a line break at the end - so that a run changes no
 * line but those of what changed.
 */
export function stableJson(value: unknown): string {
  return `${written(value, '\n')}\n`
}

function written(value: unknown, newline: string): string {
  const inner = `${newline} `
  if (typeof value !== 'object' || value === null || json.isRawJSON(value)) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    return `[${value.map((each) => inner + written(each, inner)).join(',')}${newline}]`
  }
  const entries = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return '{}'
  const lines = entries.map(([key, each]) => `${inner}${JSON.stringify(key)}: ${written(each, inner)}`)
  return `{${lines.join(',')}${newline}}`
}
