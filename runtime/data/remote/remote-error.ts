import { AividaError, sha256, wallTimeText } from '../../base/index.ts'

/** A URL as messages show it: without its query, user and password, which may be secrets. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, SHOWN_CHARACTERS)
}

const SHOWN_CHARACTERS = 300

/**
 * What an address names, without what lets in whoever holds it: two links to one object have the same, two objects that
 * only their queries tell apart (`?file=a`, `?file=b`) do not. Holds a hash of the query, never the query.
 */
export function addressKey(url: URL): string {
  const rest = [...url.searchParams].filter(([name]) => !SIGNING.test(name))
  if (rest.length === 0) return `${url.origin}${url.pathname}`
  return `${url.origin}${url.pathname}?${sha256(Buffer.from(JSON.stringify(rest)))}`
}

/** Parameters that sign a link: S3 and CloudFront, Google, Azure. */
const SIGNING =
  /^(x-amz-.*|awsaccesskeyid|x-goog-.*|googleaccessid|expires|signature|policy|key-pair-id|sig|se|sp|sv|sr|st|spr|sip|sk[a-z]+)$/i

/** What of an answer decides what it means. */
export interface Refusal {
  readonly status: number
  /** The beginning of its body, which never reaches a message: a server may repeat the request in it. */
  readonly body: string
  readonly nowWallMs: number
}

/** An answer that is no content, as an error: `remote.expired`, `.forbidden`, `.not-found`, `.changed`, `.unavailable`, `.refused`. */
export function refused(url: URL, refusal: Refusal): AividaError {
  const { status } = refusal
  const shown = shownUrl(url)
  const error = (what: string, message: string, retryable = false) =>
    new AividaError({ code: `remote.${what}`, category: 'user', message, retryable, facts: { url: shown, status } })
  if (status === 401 || status === 403 || status === 400) {
    if (hasExpired(url, refusal))
      return error(
        'expired',
        `the link to ${shown} has ended${endedAt(url)} (HTTP ${status}); get a new one and repeat: what has come so far is kept`,
      )
    if (status !== 400)
      return error(
        'forbidden',
        `${shown} may not be read (HTTP ${status}); check the link, or the keys that it was signed with, and the clock`,
      )
  }
  if (status === 404 || status === 410)
    return error('not-found', `there is nothing at ${shown} (HTTP ${status}); check the address`)
  if (status === 412) return changed(url)
  if (status === 408 || status === 429 || status >= 500)
    return error('unavailable', `${shown} is not to be had now (HTTP ${status}); repeat later`, true)
  return error('refused', `${shown}: expected its content, found HTTP ${status}; check the address`)
}

/** `remote.changed`: what lies there is not what it was when it was opened. */
export function changed(url: URL): AividaError {
  const shown = shownUrl(url)
  return new AividaError({
    code: 'remote.changed',
    category: 'user',
    message: `${shown} was changed while it was read; repeat, to read the new content from its beginning`,
    facts: { url: shown },
  })
}

/** `remote.unreachable`: no answer, or one that broke off, again and again. */
export function unreachable(url: URL, cause: unknown): AividaError {
  const shown = shownUrl(url)
  return new AividaError({
    code: 'remote.unreachable',
    category: 'platform',
    message:
      `${shown} can't be reached (${reasonOf(cause)}); check the network and, where there is one, HTTPS_PROXY and NO_PROXY; ` +
      'what has come so far is kept',
    retryable: true,
    facts: { url: shown },
  })
}

/** `remote.untrusted` for a certificate that nobody here vouches for; trying again would not change that. */
export function untrusted(url: URL, cause: unknown): AividaError | undefined {
  const reason = reasonOf(cause)
  if (!/^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_|ERR_TLS_CERT)/.test(reason))
    return undefined
  const shown = shownUrl(url)
  return new AividaError({
    code: 'remote.untrusted',
    category: 'user',
    message:
      `the certificate of ${url.host} is not trusted here (${reason}); add its issuer to the certificates of the system, ` +
      'or name its file in NODE_EXTRA_CA_CERTS',
    facts: { url: shown },
  })
}

/** `remote.no-ranges`: a server that gives all or nothing. */
export function noRanges(url: URL): AividaError {
  const shown = shownUrl(url)
  return new AividaError({
    code: 'remote.no-ranges',
    category: 'user',
    message: `${shown}: its server does not give parts of a file; bring it here first: aivida data add`,
    facts: { url: shown },
  })
}

/** The code of a system or protocol error: its message may repeat the URL. */
function reasonOf(cause: unknown): string {
  const found = cause as { code?: unknown; cause?: { code?: unknown } } | undefined
  const code = found?.code ?? found?.cause?.code
  return typeof code === 'string' ? code.slice(0, 64) : 'the connection broke'
}

/** Whether a refusal comes of a link's end: its own words (S3, GCS, Azure) or its own date say so. */
function hasExpired(url: URL, { body, nowWallMs }: Refusal): boolean {
  if (/ExpiredToken|Request has expired|Signature has expired|not valid in the specified time frame/i.test(body))
    return true
  const endMs = expiryMs(url)
  return endMs !== undefined && endMs <= nowWallMs
}

/** When a signed URL ends, wall time; `undefined` when it does not say. */
export function expiryMs(url: URL): number | undefined {
  const query = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]))
  const [began, validS] = [
    query.get('x-amz-date') ?? query.get('x-goog-date'),
    query.get('x-amz-expires') ?? query.get('x-goog-expires'),
  ]
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
    .exec(began ?? '')
    ?.slice(1)
    .map(Number)
  if (parts && validS !== undefined) {
    const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number]
    return Date.UTC(year, month - 1, day, hour, minute, second) + Number(validS) * 1000
  }
  const azure = query.has('sig') ? Date.parse(query.get('se') ?? '') : Number.NaN
  return Number.isNaN(azure) ? undefined : azure
}

function endedAt(url: URL): string {
  const endMs = expiryMs(url)
  return endMs === undefined ? '' : ` at ${wallTimeText(endMs)}`
}
