// POST /api/threads/{threadId}/messages. Without files: the benchmark's messages have none.
import { createHash, randomBytes } from 'node:crypto'
import { TransactWriteItemsCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { isMember, lastSeq, likelyLastSeq, namesOf, present, rememberLastSeq, seen } from './chat.mjs'
import { answer, http, Problem, threadNotFound } from './http.mjs'
import { deliver, warmUpPush } from './push.mjs'
import { serve } from './runtime.mjs'
import {
  CHAT_TABLE,
  CONNECTIONS_TABLE,
  conditionFailed,
  dynamo,
  fromItem,
  get,
  idempotencyKey,
  messageKey,
  n,
  pause,
  put,
  s,
  warmUp,
} from './table.mjs'

const BODY_CHARS = 8_000
const FRAME_BYTES = 32 * 1024
const PATIENCE = 10_000
const KEY_LIFETIME = 8 * 24 * 60 * 60
const IS_NEW = 'attribute_not_exists(pk)'

async function route({ event, caller, threadId }) {
  const key = event.headers['idempotency-key']
  if (key !== undefined && !/^[!-~]{1,128}$/.test(key)) {
    throw new Problem(400, 'invalid_idempotency_key', 'An Idempotency-Key has 1 to 128 visible ASCII characters.')
  }
  const body = parse(event)
  // All that can fail comes before the commit: behind it, an error would make the sender send again.
  const [member, last, nameOf] = await Promise.all([
    isMember(threadId, caller.id),
    likelyLastSeq(threadId),
    caller.name ? () => caller.name : namesOf([caller.id]),
    seen(caller),
  ])
  if (!member) throw threadNotFound()
  const row = { id: messageId(), threadId, seq: last + 1, authorId: caller.id, body, createdAt: now() }
  const known = await commit(row, key)
  if (known) return replay(row, known)
  rememberLastSeq(threadId, row.seq)
  const message = present(row, nameOf)
  try {
    await push(message)
  } catch (error) {
    // It is committed; the mark stays, and the stream's function delivers.
    console.warn(error)
  }
  return answer(201, message)
}

function parse({ body: text = '', isBase64Encoded }) {
  let request
  try {
    request = JSON.parse(isBase64Encoded ? Buffer.from(text, 'base64') : text)
  } catch {
    throw new Problem(400, 'malformed_json', 'The body is no JSON.')
  }
  const body = request?.body
  const fits = typeof body === 'string' && body !== '' && (body.length <= BODY_CHARS || [...body].length <= BODY_CHARS)
  if (!fits) throw new Problem(422, 'invalid_request', 'Not valid: body.')
  return body
}

/** Commits the row as the next of its thread, or returns what its key was used for before. */
async function commit(row, key) {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    const { taken, conflict, known } = key === undefined ? await putMessage(row) : await putMessageOnce(row, key)
    if (known) return known
    if (!taken && !conflict) return
    if (performance.now() - start > PATIENCE) throw new Error('too many writers in one thread')
    await pause(attempt)
    if (taken) row.seq = (await lastSeq(row.threadId)) + 1
    row.createdAt = now()
  }
}

async function putMessage(row) {
  try {
    await put(CHAT_TABLE, toItem(row), {
      ConditionExpression: IS_NEW,
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return {}
  } catch (error) {
    // Where an answer was lost, the SDK has tried again what had succeeded: the row is our own.
    if (conditionFailed(error)) return { taken: error.Item?.id.S !== row.id }
    if (error.name === 'TransactionConflictException') return { conflict: true }
    throw error
  }
}

/** Message and record of the key, both or neither. */
async function putMessageOnce(row, key) {
  const seconds = Math.floor(Date.now() / 1000)
  const record = {
    ...idempotencyKey(row.threadId, row.authorId, key),
    messageId: s(row.id),
    seq: n(row.seq),
    contentHash: s(contentHash(row.body)),
    expiresAt: n(seconds + KEY_LIFETIME),
  }
  const common = { TableName: CHAT_TABLE, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
  const puts = [
    { ...common, Item: toItem(row), ConditionExpression: IS_NEW },
    {
      ...common,
      Item: record,
      // TTL deletes late, so an expired record may still be there.
      ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
      ExpressionAttributeValues: { ':now': n(seconds) },
    },
  ]
  try {
    await dynamo.send(new TransactWriteItemsCommand({ TransactItems: puts.map((Put) => ({ Put })) }))
    return {}
  } catch (error) {
    if (error.name === 'TransactionInProgressException') return { conflict: true }
    if (error.name !== 'TransactionCanceledException') throw error
    const [message, used] = error.CancellationReasons
    if (used.Code === 'ConditionalCheckFailed') {
      const known = fromItem(used.Item)
      return known.messageId === row.id ? {} : { known }
    }
    if (message.Code === 'ConditionalCheckFailed') return { taken: true }
    const passing = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']
    if ([message, used].some(({ Code }) => passing.includes(Code))) return { conflict: true }
    throw error
  }
}

async function replay({ threadId, body }, { seq, contentHash: hash }) {
  if (hash !== contentHash(body)) {
    throw new Problem(422, 'idempotency_key_reused', 'This Idempotency-Key was used before with other content.')
  }
  const row = await get(CHAT_TABLE, messageKey(threadId, seq))
  return answer(201, present(row, await namesOf([row.authorId])), { 'idempotency-replayed': 'true' })
}

/** Pushes the message and takes off its mark, or names in it whom it did not reach. */
async function push(message) {
  const left = await deliver(`thread:${message.threadId}`, frame(message))
  const update = left.length
    ? { UpdateExpression: 'SET undelivered = :left', ExpressionAttributeValues: { ':left': { SS: left } } }
    : { UpdateExpression: 'REMOVE undelivered' }
  await dynamo.send(
    new UpdateItemCommand({
      TableName: CHAT_TABLE,
      Key: messageKey(message.threadId, message.seq),
      ConditionExpression: 'attribute_exists(undelivered)',
      ...update,
    }),
  )
}

function frame(message) {
  const { threadId } = message
  const whole = JSON.stringify({ event: 'message:new', data: { threadId, message } })
  if (Buffer.byteLength(whole) <= FRAME_BYTES) return whole
  return JSON.stringify({
    event: 'message:new',
    data: { threadId, message: { ...message, body: '' }, truncated: true },
  })
}

function toItem({ id, threadId, seq, authorId, body, createdAt }) {
  return {
    ...messageKey(threadId, seq),
    id: s(id),
    threadId: s(threadId),
    seq: n(seq),
    authorId: s(authorId),
    body: s(body),
    createdAt: s(createdAt),
    // The mark of a message that has not reached everybody.
    undelivered: { SS: ['*'] },
  }
}

const now = () => new Date().toISOString()
const contentHash = (body) =>
  createHash('sha256')
    .update(`${Buffer.byteLength(body)}:${body}`)
    .digest('hex')

/** A UUIDv7 without hyphens. */
function messageId() {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6] & 0x0f) | 0x70
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return `msg_${bytes.toString('hex')}`
}

if (process.env.PEER_WARM_UP !== '0') {
  await Promise.all([warmUp(CHAT_TABLE), warmUp(CONNECTIONS_TABLE), warmUpPush()]).catch(console.warn)
}
serve(http(route))
