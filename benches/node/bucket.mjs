// The bucket: objects, and URLs that are signed for one.
import { GetObjectCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { sha256 } from './table.mjs'

export const UPLOAD_SECONDS = 15 * 60
const DOWNLOAD_SECONDS = 60 * 60
const { BUCKET: Bucket } = process.env

const client = new S3Client({
  // A local cloud has no names for its buckets.
  forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
})

export const warmUpBucket = () => client.send(new HeadBucketCommand({ Bucket }))

export const uploadKey = (id) => `uploads/${id}`

/** The right to upload a file of exactly this type and size. */
export function uploadUrl(id, mimetype, size) {
  const put = new PutObjectCommand({ Bucket, Key: uploadKey(id), ContentType: mimetype, ContentLength: size })
  return getSignedUrl(client, put, {
    expiresIn: UPLOAD_SECONDS,
    signableHeaders: new Set(['host', 'content-type', 'content-length']),
  })
}

export const downloadUrl = (key) =>
  getSignedUrl(client, new GetObjectCommand({ Bucket, Key: key }), { expiresIn: DOWNLOAD_SECONDS })

/** What was uploaded: nothing where nothing was, `null` where it has another size. */
export async function readUpload(id, size) {
  try {
    const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket, Key: uploadKey(id) }))
    if (ContentLength !== size) return null
    return await Body.transformToByteArray()
  } catch (error) {
    if (error.name !== 'NoSuchKey') throw error
  }
}

/** Puts what has its key from its bytes, and returns the key. */
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
