// An upload has arrived, or is due. Of files that are no pictures it makes nothing: the benchmark has none.
import sharp from 'sharp'
import { publish, readUpload, UPLOAD_SECONDS, warmUpBucket } from './bucket.mjs'
import { file, thumbUrl } from './files.mjs'
import { isFileId } from './ids.mjs'
import { deliver, warmUpPush } from './push.mjs'
import { send } from './queue.mjs'
import { serve } from './runtime.mjs'
import {
  CHAT_TABLE,
  CONNECTIONS_TABLE,
  conditionFailed,
  fileKey,
  fromItem,
  n,
  s,
  update,
  warmUp,
} from './table.mjs'

const GRACE_SECONDS = 15 * 60
const LOOKS = 5
const { REMINDERS_URL } = process.env

async function handle({ Records }) {
  for (const record of Records) {
    if (record.eventSource === 'aws:sqs') {
      await settle(JSON.parse(record.body).fileId)
      continue
    }
    const key = decodeURIComponent(record.s3.object.key.replaceAll('+', ' '))
    const id = /^uploads\/(.*)$/.exec(key)?.[1]
    if (isFileId(id)) await settle(id)
    else console.warn('an object that is no upload', key)
  }
  return null
}

async function settle(id) {
  let row = await file(id)
  if (!row) return console.warn('there is no such file', id)
  if (row.status === 'pending') {
    const settled = await inspect(row)
    if (!settled) return
    // Ours also removes what was published in vain, where another run was faster.
    row = await settleOnce(id, settled)
  }
  if (!row.announced) await announce(row)
}

/** What is to become of a file: its attributes; nothing while it may still be uploaded. */
async function inspect({ id, name, size, createdAt }) {
  const bytes = await readUpload(id, size)
  if (bytes === null) return failed('It is not of the size that was announced.')
  if (!bytes) {
    const left = UPLOAD_SECONDS + GRACE_SECONDS - (Date.now() - Date.parse(createdAt)) / 1000
    if (left <= 0) return failed('It was not uploaded in time.')
    await send(REMINDERS_URL, { fileId: id }, Math.ceil(Math.min(left, UPLOAD_SECONDS)))
    return undefined
  }
  if ((await look(id)) >= LOOKS) return failed('It could not be processed.')
  let picture
  try {
    picture = await thumbnailOf(bytes)
  } catch {
    return failed('It is no picture that can be read.')
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

/** How often the file was looked at before. */
async function look(id) {
  const { Attributes } = await update(CHAT_TABLE, fileKey(id), 'ADD looks :one', { ':one': n(1) }, {
    ConditionExpression: 'attribute_exists(pk)',
    ReturnValues: 'ALL_OLD',
  })
  return fromItem(Attributes).looks ?? 0
}

/** Whoever comes first decides; returns the file as it is now. */
async function settleOnce(id, attributes) {
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

/** Tells the owner, and every thread that the file was sent to. */
async function announce(row) {
  const { id, ownerId, status, threadIds = [] } = row
  const channels = [...threadIds.map((thread) => `thread:${thread}`), `user:${ownerId}`]
  const frame = { event: 'file:status', data: { fileId: id, status, thumbUrl: thumbUrl(row) } }
  const left = await deliver(channels, JSON.stringify(frame))
  if (left.length) throw new Error(`${left.length} connections were not reached`)
  await update(CHAT_TABLE, fileKey(id), 'SET announced = :true', { ':true': { BOOL: true } }, {
    ConditionExpression: 'attribute_exists(pk)',
  })
}

serve(handle, warmUp(CHAT_TABLE), warmUpBucket(), warmUp(CONNECTIONS_TABLE), warmUpPush())
