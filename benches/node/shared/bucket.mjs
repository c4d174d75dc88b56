// The S3 bucket with uploads and published files.
import { GetObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { sha256 } from './table.mjs'

const { BUCKET: Bucket } = process.env

const client = new S3Client({
  // The benchmark's S3 server has no host name per bucket, so the bucket's name goes into the URL's path.
  forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})

/** Opens the connection to S3 that the first request will use. */
export const warmUpBucket = () => client.send(new HeadBucketCommand({ Bucket }))

/** Returns the bytes of a file's upload; `undefined` if there is no upload, `null` if its size is not `size`. */
export async function readUpload(id, size) {
  try {
    const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket, Key: `uploads/${id}` }))
    if (ContentLength !== size) return null
    return await Body.transformToByteArray()
  } catch (error) {
    if (error.name !== 'NoSuchKey') throw error
  }
}

/** Stores bytes as an object whose key contains their hash. Returns the key. */
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
