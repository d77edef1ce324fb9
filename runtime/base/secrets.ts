/** Names of fields that hold secrets: no log says their value. */
export const SECRET_NAMES: readonly string[] = [
  'secret',
  'secretKey',
  'privateKey',
  'password',
  'passphrase',
  'mnemonic',
  'token',
  'ticket',
]

/** What stands in a secret's place. */
export const REDACTED = '[redacted]'

/** Environments and other programs write these names in their own ways: `AWS_SECRET_ACCESS_KEY`, `db-password`, `apiKey`. */
const SURE_NAMES = /(?:secret|password|passphrase|mnemonic|(?:private|secret|api|secret_?access)[_-]?key)$/i
/** Names that data have too: words of a text, passengers of a ship. */
const DOUBTFUL_NAMES = /(?:token|ticket)$/i
/** Nothing that a person reads is so long without a space. */
const KEY_CHARACTERS = 16

/** Whether a field of this name and text holds a secret. */
export function isSecretField(name: string, text: string): boolean {
  if (text === '') return false
  return SURE_NAMES.test(name) || (DOUBTFUL_NAMES.test(name) && text.length >= KEY_CHARACTERS && !/\s/.test(text))
}

/** Secrets that are known by how they look, wherever they stand; the first group stays. */
const PATTERNS: readonly RegExp[] = [
  /\b(aivida1|aivback1)[1-9A-HJ-NP-Za-km-z]{16,}/g, // tickets and backups of accounts: see textForm
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?=-----END|$)/g,
  /([?&](?:X-Amz-(?:Signature|Security-Token)|X-Goog-Signature|Signature|sig|access_token)=)[^&\s"'<>]+/gi,
  /\b((?:[a-z]+_)*(?:SECRET|PASSWORD|SECRET_ACCESS_KEY|API_KEY|ACCESS_TOKEN)=)[^\s&"'<>]+/gi,
  /(\bBearer )[\w.~+/=-]{16,}/g,
]

/** A text without the secrets in it that can be told by how they look. */
export function redactedText(text: string): string {
  return PATTERNS.reduce((rest, pattern) => rest.replace(pattern, `$1${REDACTED}`), text)
}

/** A part of a text, in UTF-16 units: `[start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where in a text secrets stand that can be told by how they look, without what stays; in order, none within another. */
export function secretSpans(text: string): readonly Span[] {
  const spans = PATTERNS.flatMap((pattern) =>
    [...text.matchAll(pattern)].map(({ index, 0: all, 1: kept }) => ({
      start: index + kept!.length,
      end: index + all.length,
    })),
  )
  const apart: Span[] = []
  for (const span of spans.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = apart.at(-1)
    if (last && span.start < last.end)
      apart[apart.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
    else if (span.end > span.start) apart.push(span)
  }
  return apart
}

/** Those of the patterns that want so many characters that a text may end before a secret can be told. */
const BEGUN = /\b(?:aivida1|aivback1)[1-9A-HJ-NP-Za-km-z]{0,15}$|\bBearer [\w.~+/=-]{0,15}$/

/** How many characters at the end of a text may be the beginning of a secret that cannot be told yet. */
export function begunSecret(text: string): number {
  return BEGUN.exec(text.slice(-32))?.[0].length ?? 0
}
