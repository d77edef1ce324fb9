import { userError } from '../../base/index.ts'
import { presignedUrl } from './presign.ts'
import { s3Url } from './s3-address.ts'

/** What a link is signed with. */
export interface SignedLinkInit {
  /** `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and the like, as Amazon's own tools read them. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly nowWallMs: number
  /** Seconds that the link is good for. */
  readonly validS: number
}

/** Seconds a link for the node is good for: enough to download and to go on after a break or two, and worth little to whoever finds it. */
export const LINK_S = 6 * 3600

/**
 * A link to `s3://bucket/key`, signed by the keys of the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
 * `AWS_SESSION_TOKEN`, `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
 * Throws `remote.no-keys`, `remote.address`.
 */
export function signedLink(address: string, { env, nowWallMs, validS }: SignedLinkInit): string {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = env
  if (!accessKeyId || !secretAccessKey)
    throw userError(
      'remote.no-keys',
      'an s3:// address is signed here; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION, ' +
        'AWS_ENDPOINT_URL), or give an https link that somebody else signed',
    )
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1'
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  const url = s3Url(address, { region, ...(endpoint !== undefined && { endpoint }) })
  const credentials = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
  return presignedUrl({ url, region, credentials, nowWallMs, validS })
}
