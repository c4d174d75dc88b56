// POST /api/threads/{threadId}/messages. Files are left out, because the benchmark's messages have none.
import { limits } from '../../../web/hearth-client/src/limits.ts'
import { isMember, lastSeq, likelyLastSeq, namesOf, present, recordProfile, rememberLastSeq } from '../shared/chat.mjs'
import { answer, bodyOf, http, notValid, Problem, threadIdOf, threadNotFound } from '../shared/http.mjs'
import { newId } from '../shared/ids.mjs'
import { deliver, warmUpPush } from '../shared/push.mjs'
import { serve } from '../shared/runtime.mjs'
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
} from '../shared/table.mjs'

const FRAME_BYTES = 32 * 1024
const COMMIT_MS = 10_000
const KEY_SECONDS = 8 * 24 * 60 * 60

async function route(event, caller) {
  const threadId = threadIdOf(event)
  const key = event.headers['idempotency-key']
  if (key !== undefined && !/^[!-~]{1,128}$/.test(key)) {
    const detail = 'The Idempotency-Key is not valid. Use 1 to 128 visible ASCII characters.'
    throw new Problem(400, 'invalid_idempotency_key', detail)
  }
  const body = parse(bodyOf(event))
  // Everything that can fail comes before the commit. An error after the commit would make the sender send the message
  // twice.
  const [member, last, nameOf] = await Promise.all([
    isMember(threadId, caller.id),
    likelyLastSeq(threadId),
    caller.name ? () => caller.name : namesOf([caller.id]),
    recordProfile(caller),
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
    // The message is committed and keeps its undelivered flag, so chat-stream will deliver it.
    console.warn(error)
  }
  return answer(201, message)
}

function parse({ body }) {
  const fits = typeof body === 'string' && body !== '' && (body.length <= limits.bodyChars || [...body].length <= limits.bodyChars)
  if (!fits) throw notValid('body')
  return body
}

/**
 * Commits `row` as the next message of its thread. Returns the idempotency record if the `Idempotency-Key` was used
 * before.
 */
async function commit(row, key) {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    const { taken, conflict, known } = key === undefined ? await putMessage(row) : await putMessageOnce(row, key)
    if (known) return known
    if (!taken && !conflict) return
    if (performance.now() - start > COMMIT_MS) {
      throw new Error('the message was not committed in time: too many concurrent senders in the thread')
    }
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
    // If the answer to a successful put was lost, the SDK repeats the put, which fails because this message's row
    // exists.
    if (conditionFailed(error)) return { taken: error.Item?.id.S !== row.id }
    if (error.name === 'TransactionConflictException') return { conflict: true }
    throw error
  }
}

/** Writes the message and its idempotency record in one transaction. */
async function putMessageOnce(row, key) {
  const seconds = Math.floor(Date.now() / 1000)
  const record = {
    ...idempotencyKey(row.threadId, row.authorId, key),
    messageId: s(row.id),
    seq: n(row.seq),
    contentHash: s(contentHash(row.body)),
    expiresAt: n(seconds + KEY_SECONDS),
  }
  const { conflict, existing } = await transact(CHAT_TABLE, [
    { Item: toItem(row), ConditionExpression: IS_NEW },
    {
      Item: record,
      // DynamoDB deletes expired rows late, so an expired record of this key may still exist.
      ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
      ExpressionAttributeValues: { ':now': n(seconds) },
    },
  ])
  if (!existing) return { conflict }
  const [, known] = existing
  if (!known) return { taken: true }
  return known.messageId === row.id ? {} : { known }
}

async function replay({ threadId, body }, { seq, contentHash: hash }) {
  if (hash !== contentHash(body)) {
    const detail = 'The Idempotency-Key was used before with other content. Use a new key for each message.'
    throw new Problem(422, 'idempotency_key_reused', detail)
  }
  const row = await get(CHAT_TABLE, messageKey(threadId, seq))
  return answer(201, present(row, await namesOf([row.authorId])), { 'idempotency-replayed': 'true' })
}

/**
 * Pushes the message to the thread's subscribers. Then clears its undelivered flag, or sets the flag to the connections
 * that were not reached.
 */
async function push(message) {
  const { threadId, seq } = message
  const unreached = await deliver([`thread:${threadId}`], frame(message))
  const [expression, values] = unreached.length
    ? ['SET undelivered = :unreached', { ':unreached': { SS: unreached } }]
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
    // The undelivered flag: `*` stands for all subscribers.
    undelivered: { SS: ['*'] },
  }
}

const now = () => new Date().toISOString()
const contentHash = (body) => sha256(`${Buffer.byteLength(body)}:${body}`)

serve(http(route), warmUp(CHAT_TABLE), warmUp(CONNECTIONS_TABLE), warmUpPush())
