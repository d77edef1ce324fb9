import { type AividaError, limit } from '../../base/index.ts'

/** Media type of JSON values, one a line (https://github.com/ndjson/ndjson-spec). */
export const JSON_LINES = 'application/x-ndjson'

/** A value as one line. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

/** The values of the lines that have come whole. Throws `malformed` for a line that is no JSON, or longer than the limit `frameBodyBytes`. */
export async function* jsonLines(
  pieces: AsyncIterable<Uint8Array>,
  malformed: (what: string) => AividaError,
): AsyncGenerator<unknown, void, void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true })
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    if (text.length > limit('frameBodyBytes')) throw malformed(`a line of more than ${text.length} characters`)
    for (const line of lines) yield parsed(line, malformed)
  }
}

function parsed(line: string, malformed: (what: string) => AividaError): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw malformed(`a line that is no JSON: ${line.slice(0, 100)}`)
  }
}
