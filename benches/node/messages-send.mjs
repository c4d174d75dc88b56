// POST /api/threads/{threadId}/messages. Without files: the benchmark's messages have none.
import { isMember, lastSeq, likelyLastSeq, namesOf, present, rememberLastSeq, seen } from './chat.mjs'
import { answer, bodyOf, http, notValid, Problem, threadIdOf, threadNotFound } from './http.mjs'
import { newId } from './ids.mjs'
import { deliver, warmUpPush } from './push.mjs'
import { serve } from './runtime.mjs'
import {
  CHAT_TABLE,
  CONNECTIONS_TABLE,
  conditionFailed,
  get,
  IS_NEW,
  idempotencyKey,
  messageKey,
  n,
  pause,
  put,
  s,
  sha256,
  transact,
  update,
  warmUp,
} from './table.mjs'

const BODY_CHARS = 8_000
const FRAME_BYTES = 32 * 1024
const PATIENCE = 10_000
const KEY_LIFETIME = 8 * 24 * 60 * 60

async function route(event, caller) {
  const threadId = threadIdOf(event)
  const key = event.headers['idempotency-key']
  if (key !== undefined && !/^[!-~]{1,128}$/.test(key)) {
    throw new Problem(400, 'invalid_idempotency_key', 'An Idempotency-Key has 1 to 128 visible ASCII characters.')
  }
  const body = parse(bodyOf(event))
  // All that can fail comes before the commit: behind it, an error would make the sender send again.
  const [member, last, nameOf] = await Promise.all([
    isMember(threadId, caller.id),
    likelyLastSeq(threadId),
    caller.name ? () => caller.name : namesOf([caller.id]),
    seen(caller),
  ])
  if (!member) throw threadNotFound()
  const row = { id: newId('msg'), threadId, seq: last + 1, authorId: caller.id, body, createdAt: now() }
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

function parse({ body }) {
  const fits = typeof body === 'string' && body !== '' && (body.length <= BODY_CHARS || [...body].length <= BODY_CHARS)
  if (!fits) throw notValid('body')
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
  const { conflict, inTheWay } = await transact(CHAT_TABLE, [
    { Item: toItem(row), ConditionExpression: IS_NEW },
    {
      Item: record,
      // TTL deletes late, so an expired record may still be there.
      ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
      ExpressionAttributeValues: { ':now': n(seconds) },
    },
  ])
  if (!inTheWay) return { conflict }
  const [, known] = inTheWay
  if (!known) return { taken: true }
  return known.messageId === row.id ? {} : { known }
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
  const { threadId, seq } = message
  const left = await deliver([`thread:${threadId}`], frame(message))
  const [expression, values] = left.length
    ? ['SET undelivered = :left', { ':left': { SS: left } }]
    : ['REMOVE undelivered', undefined]
  await update(CHAT_TABLE, messageKey(threadId, seq), expression, values, {
    ConditionExpression: 'attribute_exists(undelivered)',
  })
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
const contentHash = (body) => sha256(`${Buffer.byteLength(body)}:${body}`)

serve(http(route), warmUp(CHAT_TABLE), warmUp(CONNECTIONS_TABLE), warmUpPush())
