/**
 * Files on HTTP servers and S3-compatible stores, read in parts: {@link openRemote}. Keys stay with who signs a link
 * ({@link presignedUrl}); the link is a secret too, while it lasts, and no message, log or report shows its query.
 */
export { type EgressInit, egress } from './egress.ts'
export { type PresignInit, presignedUrl, type S3Credentials } from './presign.ts'
export { addressKey, expiryMs, shownUrl } from './remote-error.ts'
export { openRemote, type RemoteFile, type RemoteInit } from './remote-file.ts'
export { type S3Place, s3Url } from './s3-address.ts'
export { type SignedLinkInit, signedLink } from './signed-link.ts'
export { dropSpool, type SpoolInit, spool } from './spool.ts'
