import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { expiryMs, presignedUrl, s3Url } from '../../../runtime/data/remote/index.ts'
import { refusesSync } from '../refusal.ts'

const presigning = suite('presigned URLs')

presigning('the example of the Amazon S3 API reference', () => {
  // "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", example at its end.
  const signed = presignedUrl({
    url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
    region: 'us-east-1',
    credentials: {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    },
    nowWallMs: Date.UTC(2013, 4, 24),
    validS: 86_400,
  })
  assert.is(
    signed,
    'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z' +
      '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
  assert.is(expiryMs(new URL(signed)), Date.UTC(2013, 4, 25))
})

presigning('keys with any characters, and temporary credentials', () => {
  const url = s3Url("s3://my-bucket/a folder/é+(1)'.bin", { region: 'eu-central-1' })
  assert.is(url.host, 'my-bucket.s3.eu-central-1.amazonaws.com')
  const init = {
    url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'a/token+=' },
    nowWallMs: 0,
    validS: 60,
  }
  const signed = presignedUrl(init)
  assert.match(signed, '/a%20folder/%C3%A9%2B%281%29%27.bin?')
  assert.match(signed, '&X-Amz-Security-Token=a%2Ftoken%2B%3D&')
  assert.not.match(signed, 'secret')
  assert.is(presignedUrl(init), signed)
  assert.is.not(presignedUrl({ ...init, credentials: { ...init.credentials, secretAccessKey: 'other' } }), signed)
})

presigning('addresses of buckets', () => {
  assert.is(s3Url('s3://b.with.dots/k', {}).href, 'https://s3.us-east-1.amazonaws.com/b.with.dots/k')
  assert.is(s3Url('s3://bucket/a/b', { endpoint: 'http://127.0.0.1:9000/' }).href, 'http://127.0.0.1:9000/bucket/a/b')
  for (const address of ['s3://bucket', 's3://bucket/', 's3:///key', 's3://UPPER/key', 'https://x/y'])
    refusesSync('remote.address', () => s3Url(address, {}))
  for (const key of ['a/../b', '..', 'a/./b']) refusesSync('remote.address', () => s3Url(`s3://bucket/${key}`, {}))
  for (const endpoint of ['', 'localhost:9000', 'ftp://host'])
    refusesSync('remote.address', () => s3Url('s3://bucket/key', { endpoint }))
  assert.is(
    expiryMs(new URL('https://x/?X-Goog-Date=20260101T000000Z&X-Goog-Expires=10')),
    Date.UTC(2026, 0, 1, 0, 0, 10),
  )
  assert.is(expiryMs(new URL('https://x/?se=2026-01-01T00%3A00%3A00Z&sig=abc')), Date.UTC(2026, 0, 1))
  assert.is(expiryMs(new URL('https://x/?a=b')), undefined)
})

presigning.run()
