// A frame from a client: the route $default.
import { isMember, lastSeq } from './chat.mjs'
import { openRow, putSubscription, seconds, unsubscribe } from './connections.mjs'
import { Problem, problem, threadNotFound } from './http.mjs'
import { isThreadId } from './ids.mjs'
import { serve } from './runtime.mjs'
import { CONNECTIONS_TABLE, conditionFailed, connectionKey, n, s, update, warmUp } from './table.mjs'

const FRAME_BYTES = 32 * 1024
const SUBSCRIPTIONS = 500

const expired = () => new Problem(401, 'connection_expired', 'The connection has expired. Connect anew.')
const malformed = () => new Problem(400, 'malformed_frame', 'A frame has to be one JSON object.')

/** Answers every frame with one frame. Whatever goes wrong is an error event; the connection stays. */
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
  if (text?.length > FRAME_BYTES) throw new Problem(413, 'frame_too_large', `A frame may have ${FRAME_BYTES} bytes.`)
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
    throw new Problem(400, 'unknown_action', '`action` is subscribe, unsubscribe or ping.')
  }
  const threadId = /^thread:(.*)$/.exec(channel)?.[1]
  if (!isThreadId(threadId)) {
    throw new Problem(400, 'invalid_frame', '`channel` has to be `thread:` and the id of a thread.')
  }
  if (action === 'unsubscribe') {
    await unsubscribe(connectionId, channel)
    return { event: 'unsubscribed', data: { channel } }
  }
  return { event: 'subscribed', data: { channel, seq: await subscribe(connectionId, channel, threadId) } }
}

/** The connection's row; an error where it is not open or has expired. */
async function live(id) {
  const row = await openRow(id)
  if (!(row?.expiresAt > seconds())) throw expired()
  return row
}

/** Subscribes and returns the thread's last `seq`, read after the subscription is written: so nothing falls between. */
async function subscribe(id, channel, threadId) {
  const { userId, expiresAt } = await live(id)
  if (!(await isMember(threadId, userId))) throw threadNotFound()
  await listChannel(id, channel)
  await putSubscription(id, channel, expiresAt)
  // Removed between the two writes, the connection has left this subscription behind.
  if (!(await openRow(id))) {
    await unsubscribe(id, channel)
    throw expired()
  }
  return lastSeq(threadId)
}

/** Adds the channel to those that the connection's row lists. */
async function listChannel(id, channel) {
  const values = { ':added': { SS: [channel] }, ':channel': s(channel), ':most': n(SUBSCRIPTIONS + 1) }
  try {
    await update(CONNECTIONS_TABLE, connectionKey(id), 'ADD channels :added', values, {
      ConditionExpression:
        'attribute_exists(pk) AND attribute_not_exists(closing) AND ' +
        '(contains(channels, :channel) OR size(channels) < :most)',
    })
  } catch (error) {
    if (!conditionFailed(error)) throw error
    await live(id)
    const detail = 'This connection has as many subscriptions as it may. Open another one.'
    throw new Problem(429, 'too_many_subscriptions', detail)
  }
}

serve(handle, warmUp(CONNECTIONS_TABLE))
