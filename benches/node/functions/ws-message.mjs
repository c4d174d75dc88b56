// Handles the WebSocket route $default: a frame from a client.
import { isMember, lastRev, lastSeq } from '../shared/chat.mjs'
import { openRow, putSubscription, seconds, unsubscribe } from '../shared/connections.mjs'
import { Problem, problem, threadNotFound } from '../shared/http.mjs'
import { isThreadId } from '../shared/ids.mjs'
import { serve } from '../shared/runtime.mjs'
import { CONNECTIONS_TABLE, conditionFailed, connectionKey, n, s, update, warmUp } from '../shared/table.mjs'

const FRAME_BYTES = 32 * 1024
const MAX_SUBSCRIPTIONS = 500

const expired = () => new Problem(401, 'connection_expired', 'The connection has expired. Connect again.')
const malformed = () => new Problem(400, 'malformed_frame', 'The frame is not valid. Send one JSON object.')

/** Answers every frame with one frame. A failure becomes an `error` event, and the connection stays open. */
async function handle({ requestContext: { connectionId }, body = '', isBase64Encoded }) {
  let frame = {}
  let answer
  try {
    frame = parse(isBase64Encoded ? undefined : body)
    answer = await act(connectionId, frame)
  } catch (error) {
    const { code, message: detail } = problem(error)
    const { channel } = frame
    answer = { event: 'error', data: { code, detail, channel } }
  }
  return { statusCode: 200, body: JSON.stringify({ ...answer, id: frame.id ?? undefined }) }
}

function parse(text) {
  if (text?.length > FRAME_BYTES) {
    throw new Problem(413, 'frame_too_large', `The frame is too large. Send at most ${FRAME_BYTES} bytes.`)
  }
  let frame
  try {
    frame = JSON.parse(text)
  } catch {
    throw malformed()
  }
  if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) throw malformed()
  return frame
}

async function act(connectionId, { action, channel }) {
  if (action === 'ping') {
    await live(connectionId)
    return { event: 'pong' }
  }
  if (action !== 'subscribe' && action !== 'unsubscribe') {
    throw new Problem(400, 'unknown_action', 'The action is unknown. Use subscribe, unsubscribe or ping.')
  }
  const threadId = /^thread:(.*)$/.exec(channel)?.[1]
  if (!isThreadId(threadId)) {
    throw new Problem(400, 'invalid_frame', 'The channel is not valid. Use `thread:` followed by a thread ID.')
  }
  if (action === 'unsubscribe') {
    await unsubscribe(connectionId, channel)
    return { event: 'unsubscribed', data: { channel } }
  }
  const { seq, rev } = await subscribe(connectionId, channel, threadId)
  return { event: 'subscribed', data: { channel, seq, rev } }
}

/** Returns the connection's row. Fails if the connection is closed or has expired. */
async function live(id) {
  const row = await openRow(id)
  if (!(row?.expiresAt > seconds())) throw expired()
  return row
}

/**
 * Subscribes the connection to the thread's channel. Returns the thread's last `seq` and `rev`, which are read after the
 * subscription was written, so that every later message and change is delivered.
 */
async function subscribe(id, channel, threadId) {
  const { userId, expiresAt } = await live(id)
  if (!(await isMember(threadId, userId))) throw threadNotFound()
  await listChannel(id, channel)
  await putSubscription(id, channel, expiresAt)
  // If the connection was removed before the subscription was written, the subscription was not deleted with the
  // connection. So it is deleted here.
  if (!(await openRow(id))) {
    await unsubscribe(id, channel)
    throw expired()
  }
  const [seq, rev] = await Promise.all([lastSeq(threadId), lastRev(threadId)])
  return { seq, rev }
}

/** Adds the channel to the connection's row, which lists all channels that the connection is subscribed to. */
async function listChannel(id, channel) {
  const values = { ':added': { SS: [channel] }, ':channel': s(channel), ':most': n(MAX_SUBSCRIPTIONS + 1) }
  try {
    await update(CONNECTIONS_TABLE, connectionKey(id), 'ADD channels :added', values, {
      ConditionExpression:
        'attribute_exists(pk) AND attribute_not_exists(closing) AND ' +
        '(contains(channels, :channel) OR size(channels) < :most)',
    })
  } catch (error) {
    if (!conditionFailed(error)) throw error
    await live(id)
    const detail = 'The connection has too many subscriptions. Unsubscribe from a channel, or open another connection.'
    throw new Problem(429, 'too_many_subscriptions', detail)
  }
}

serve(handle, warmUp(CONNECTIONS_TABLE))
