// The S3 bucket with uploads and published files.
import { GetObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { sha256 } from './table.mjs'

const { BUCKET: Bucket } = process.env

const client = new S3Client({
  // The benchmark's S3 has no host name per bucket.
  forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})

/** Opens the connection that the first request will use. */
export const warmUpBucket = () => client.send(new HeadBucketCommand({ Bucket }))

/** The bytes of an upload; `undefined` if there is none, `null` if its size is not `size`. */
export async function readUpload(id, size) {
  try {
    const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket, Key: `uploads/${id}` }))
    if (ContentLength !== size) return null
    return await Body.transformToByteArray()
  } catch (error) {
    if (error.name !== 'NoSuchKey') throw error
  }
}

/** Stores an object whose key contains the hash of its bytes. Returns the key. */
export async function publish(prefix, suffix, bytes, type, disposition) {
  const key = `${prefix}/${sha256(bytes)}${suffix}`
  const put = {
    Bucket,
    Key: key,
    Body: bytes,
    ContentType: type,
    ContentDisposition: disposition,
    CacheControl: 'private, max-age=31536000, immutable',
  }
  await client.send(new PutObjectCommand(put))
  return key
}
