import { createHash, createHmac } from 'node:crypto'

/** Keys of an S3 account. They stay with who signs: what travels is what {@link presignedUrl} gives. */
export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials. */
  readonly sessionToken?: string
}

/** What is to be signed. */
export interface PresignInit {
  /** The object, without a query of its own. */
  readonly url: URL
  readonly region: string
  readonly credentials: S3Credentials
  readonly nowWallMs: number
  /** Seconds that the URL is good for; S3 takes up to a week. */
  readonly validS: number
}

/**
 * A URL by which whoever holds it may GET one object until it ends: Signature Version 4 in the query, as in "Authenticating
 * Requests: Using Query Parameters" of the Amazon S3 API reference. Ranges and conditions may be added to the request.
 */
export function presignedUrl({ url, region, credentials, nowWallMs, validS }: PresignInit): string {
  const time = new Date(nowWallMs).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`
  const query = canonicalQuery({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': `${credentials.accessKeyId}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': `${validS}`,
    ...(credentials.sessionToken !== undefined && { 'X-Amz-Security-Token': credentials.sessionToken }),
    'X-Amz-SignedHeaders': 'host',
  })
  const path = url.pathname
    .split('/')
    .map((part) => encoded(decodeURIComponent(part)))
    .join('/')
  const request = `GET\n${path}\n${query}\nhost:${url.host}\n\nhost\nUNSIGNED-PAYLOAD`
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${createHash('sha256').update(request).digest('hex')}`
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`)
  return `${url.origin}${path}?${query}&X-Amz-Signature=${hmac(key, text).toString('hex')}`
}

function canonicalQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
}

/** RFC 3986: all but unreserved characters, which leaves less than encodeURIComponent does. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
