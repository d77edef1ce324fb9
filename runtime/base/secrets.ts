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

/** A colour's escape: also before a secret, and between its name and it. */
const COLOUR = String.raw`(?:\x1b\[[\d;]{0,16}m)?`
/** No key, but words, as in `transportation-service`: of letters, none longer than a word is. */
const WORDS = String.raw`(?:[A-Za-z][a-z]{0,14}[-_.])*[A-Za-z][a-z]{0,14}(?![\w~+/=-])`
/** At least so much, of what keys are made of; a full stop or comma behind it is the sentence's. */
const KEY = String.raw`(?!${WORDS})[\w.~+/=-]{${KEY_CHARACTERS - 1},}[\w~+/=-]`
/** What a field of a sure name holds: anything, but no short number, and no word for yes, no and nothing. */
const VALUE = String.raw`(?!(?:true|false|yes|no|none|null|undefined|\d{1,4})(?![^\s&"'<>,;.)\]}\x1b]))[^\s&"'<>\x1b]*[^\s&"'<>,;.)\]}\x1b]`
/** Nor, in code, the call that gives it. */
const NO_CALL = String.raw`(?![\w.]{1,64}[([])`
const SURE_ENDS = 'SECRET|PASSWORD|PASSPHRASE|(?:SECRET_ACCESS|SECRET|API|PRIVATE)_?KEY'
/** GitHub, Hugging Face, npm, AWS, Google, OpenAI and those who write as it does, GitLab, Slack; not as the end of another word. */
const ISSUER = '(?:(?:gh[pousr]|github_pat|hf|npm)_|AKIA|ASIA|AIza|(?:sk|glpat|xox[abprs])-)'
const ISSUED = String.raw`${ISSUER}(?<=(?:^|[^A-Za-z0-9_-]|\x1b\[[\d;]{0,16}m)${ISSUER})`
/** Between the lines of a key in PEM, also in a string that shows `\n`. */
const BREAK = String.raw`(?:\\[rn]|\s){1,32}`
/** Lines of base64 and a shorter one at the end: whatever else follows is no part of the key. */
const PEM_LINES = String.raw`(?:${BREAK}[\w-]{1,32}: [^\r\n\\]{1,128}){0,4}(?:${BREAK}[A-Za-z0-9+/=]{16,4096}(?![^\s\\"'-])){0,256}(?:${BREAK}[A-Za-z0-9+/=]{1,15}(?=${BREAK}-|\s*$))?(?:${BREAK}(?=-----END)|(?<=[A-Za-z0-9+/=])\s+$)?`

/** Secrets that are known by how they look, wherever they stand; the first group stays. */
const PATTERNS: readonly RegExp[] = [
  /(aivida1|aivback1)[1-9A-HJ-NP-Za-km-z]{16,}/g, // tickets and backups of accounts: see textForm
  new RegExp(`(-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----)${PEM_LINES}`, 'g'),
  /([?&]X-(?:Amz-(?:Signature|Security-Token)|Goog-Signature)=)[^&\s"'<>]+/gi,
  new RegExp(String.raw`([?&](?:Signature|sig|access_token)=)[^&\s"'<>]{${KEY_CHARACTERS},}`, 'gi'),
  new RegExp(`((?:${SURE_ENDS})${COLOUR}=${COLOUR}["']?)${VALUE}`, 'gi'),
  new RegExp(`((?:${SURE_ENDS})${COLOUR} = ${COLOUR}["']?)${NO_CALL}${VALUE}`, 'g'),
  new RegExp(`(TOKEN${COLOUR} ?= ?${COLOUR}["']?)${KEY}`, 'gi'),
  new RegExp(`([Bb]earer ${COLOUR})${KEY}`, 'g'),
  new RegExp(String.raw`(${ISSUED})(?=[a-z_-]*[A-Z0-9])[\w-]{16,255}`, 'g'),
]

/** A text without the secrets in it that can be told by how they look. */
export function redactedText(text: string): string {
  return PATTERNS.reduce(
    (rest, pattern) =>
      rest.replace(pattern, (all: string, kept: string) => (all === kept ? all : `${kept}${REDACTED}`)),
    text,
  )
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
const BEGUN = new RegExp(
  String.raw`(?:(?:aivida1|aivback1)[1-9A-HJ-NP-Za-km-z]{0,15}|(?:[Bb]earer |(?:TOKEN|token) ?= ?["']?)[\w.~+/=-]{0,15}|${ISSUED}[\w-]{0,15})$`,
)

/** How many characters at the end of a text may be the beginning of a secret that cannot be told yet. */
export function begunSecret(text: string): number {
  return BEGUN.exec(text.slice(-48))?.[0].length ?? 0
}
