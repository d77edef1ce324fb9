import { userError } from '../../base/index.ts'

/** Where an S3-compatible store is. */
export interface S3Place {
  /** Default: `us-east-1`. */
  readonly region?: string
  /** Of stores other than Amazon's, such as `http://localhost:9000`; the bucket is then part of the path. */
  readonly endpoint?: string
}

/**
 * `s3://bucket/key` as the URL of the object. A bucket with a dot, which no certificate covers, goes into the path.
 * Throws `remote.address`.
 */
export function s3Url(address: string, { region = 'us-east-1', endpoint }: S3Place): URL {
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(address) ?? []
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || key === '')
    throw userError('remote.address', `expected s3://BUCKET/KEY, found ${address.slice(0, 200)}`)
  const parts = key.split('/')
  if (parts.some((part) => part === '.' || part === '..'))
    throw userError('remote.address', `${address.slice(0, 200)}: a URL can't hold . and .. as parts of a key; copy it`)
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint))
    throw userError(
      'remote.address',
      'expected an endpoint like https://host:port (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL), found another',
    )
  const path = parts.map(encodeURIComponent).join('/')
  if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`)
  if (bucket.includes('.')) return new URL(`https://s3.${region}.amazonaws.com/${bucket}/${path}`)
  return new URL(`https://${bucket}.s3.${region}.amazonaws.com/${path}`)
}
