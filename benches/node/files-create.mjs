// POST /api/files
import { UPLOAD_SECONDS, uploadUrl } from './bucket.mjs'
import { answer, bodyOf, http, notValid } from './http.mjs'
import { newId } from './ids.mjs'
import { send, warmUpQueue } from './queue.mjs'
import { serve } from './runtime.mjs'
import { CHAT_TABLE, conditionFailed, fileKey, IS_NEW, n, put, s, warmUp } from './table.mjs'

const { MAX_FILE_BYTES, REMINDERS_URL } = process.env
const NAME_CHARS = 255
const NAME = /^[^/\\\p{Cc}]*[^/\\\s\p{Cc}][^/\\\p{Cc}]*$/u
const TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;([ -~]*[!-~])?)?$/
const TYPE_CHARS = 255

async function route(event, caller) {
  const { name, mimetype, size } = parse(bodyOf(event))
  const id = newId('file')
  const now = new Date()
  const url = await uploadUrl(id, mimetype, size)
  // Before there is a file, so that there is none without a reminder.
  await send(REMINDERS_URL, { fileId: id }, UPLOAD_SECONDS)
  await create({ id, ownerId: caller.id, name, mimetype, size, status: 'pending', createdAt: now.toISOString() })
  return answer(200, {
    uploadUrl: url,
    method: 'PUT',
    headers: { 'content-type': mimetype },
    expiresAt: new Date(now.getTime() + UPLOAD_SECONDS * 1000).toISOString(),
    file: { id, name, status: 'pending' },
  })
}

function parse({ filename: name, mimetype, size }) {
  const named = typeof name === 'string' && [...name].length <= NAME_CHARS && NAME.test(name)
  if (!named || name === '.' || name === '..') throw notValid('filename')
  if (!(typeof mimetype === 'string' && mimetype.length <= TYPE_CHARS && TYPE.test(mimetype))) {
    throw notValid('mimetype')
  }
  if (!(Number.isInteger(size) && size >= 1 && size <= Number(MAX_FILE_BYTES))) throw notValid('size')
  return { name, mimetype, size }
}

async function create({ size, ...texts }) {
  const item = { ...fileKey(texts.id), size: n(size) }
  for (const name in texts) item[name] = s(texts[name])
  try {
    await put(CHAT_TABLE, item, { ConditionExpression: IS_NEW })
  } catch (error) {
    // Where an answer was lost, the SDK has tried again what had succeeded.
    if (!conditionFailed(error)) throw error
  }
}

serve(http(route), warmUp(CHAT_TABLE), warmUpQueue(REMINDERS_URL))
