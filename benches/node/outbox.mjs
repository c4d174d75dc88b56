// New messages on the stream of the table Chat, and those that have not reached everybody.
import { namesOf, present } from './chat.mjs'
import { deliver } from './push.mjs'
import { send } from './queue.mjs'
import { serve } from './runtime.mjs'
import {
  batchGet,
  CHAT_TABLE,
  conditionFailed,
  fromItem,
  messageKey,
  n,
  s,
  threadKey,
  update,
  warmUp,
} from './table.mjs'

const REPAIR_DELAY = 2
const { REPAIRS_URL, DEAD_LETTERS_URL } = process.env

/** Returns what is to come again; an error where that is all of the stream's. */
async function handle({ Records }) {
  if (Records[0].eventSource === 'aws:sqs') {
    return failures(await failing(Records, repair, ({ messageId }) => messageId))
  }
  const threads = new Map()
  for (const record of Records) {
    const { NewImage = {} } = record.dynamodb
    // Ours tells messages by their whole type.
    const thread = NewImage.seq ? NewImage.threadId.S : undefined
    if (!threads.has(thread)) threads.set(thread, [])
    threads.get(thread).push(record)
  }
  const failed = await failing(
    [...threads],
    ([thread, records]) => (thread ? follow(thread, records) : putAside(records)),
    ([, records]) => records.map(({ dynamodb }) => dynamodb.SequenceNumber),
  )
  if (failed.length === Records.length) throw new Error(`none of ${failed.length} records could be followed`)
  return failures(failed)
}

const failures = (ids) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) })

/** Does `work` for each, and returns the ids of those for which it fails. */
async function failing(all, work, idsOf) {
  const failed = all.map((one) =>
    work(one).then(
      () => [],
      (error) => {
        console.warn(error)
        return idsOf(one)
      },
    ),
  )
  return (await Promise.all(failed)).flat()
}

/** Advances the thread, and asks for the repair of what is still marked. */
async function follow(thread, records) {
  const images = records.map(({ dynamodb }) => dynamodb.NewImage)
  const newest = images.reduce((a, b) => (Number(b.seq.N) > Number(a.seq.N) ? b : a))
  if (!(await advance(thread, newest))) return putAside(records)
  const marked = await stillUndelivered(images.map(({ seq }) => [thread, seq.N]))
  await Promise.all(marked.map(({ threadId, seq }) => send(REPAIRS_URL, { threadId, seq }, REPAIR_DELAY)))
}

/** Moves the thread's projection forward; false where there is no such thread. */
async function advance(thread, { undelivered, ...message }) {
  const values = { ':seq': message.seq, ':message': { M: message }, ':at': message.createdAt }
  try {
    const expression = 'SET lastSeq = :seq, lastMessage = :message, updatedAt = :at'
    await update(CHAT_TABLE, threadKey(thread), expression, values, {
      ConditionExpression: 'attribute_exists(pk) AND lastSeq < :seq',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    })
    return true
  } catch (error) {
    if (!conditionFailed(error)) throw error
    return error.Item !== undefined
  }
}

async function stillUndelivered(messages) {
  const rows = await batchGet(
    CHAT_TABLE,
    messages.map(([thread, seq]) => messageKey(thread, seq)),
  )
  return rows.filter(({ undelivered }) => undelivered)
}

const putAside = (records) => Promise.all(records.map((record) => send(DEAD_LETTERS_URL, record)))

/** Delivers a message; an error while somebody is left over. Ours goes to those alone whom the mark names. */
async function repair({ body }) {
  const { threadId, seq } = JSON.parse(body)
  for (const row of await stillUndelivered([[threadId, seq]])) {
    const message = present(row, await namesOf([row.authorId]))
    const frame = JSON.stringify({ event: 'message:new', data: { threadId, message } })
    const left = await deliver([`thread:${threadId}`], frame)
    if (left.length) throw new Error(`${left.length} connections are left over`)
    await update(CHAT_TABLE, messageKey(threadId, seq), 'REMOVE undelivered')
  }
}

serve(handle, warmUp(CHAT_TABLE))
