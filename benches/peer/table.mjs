// DynamoDB: the client, made once, and what is done to rows of any kind. Every read is consistent.
import {
  BatchGetItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb'

export const { CHAT_TABLE, CONNECTIONS_TABLE } = process.env

export const dynamo = new DynamoDBClient({})

export const s = (text) => ({ S: text })
export const n = (number) => ({ N: String(number) })

export const profileKey = (user) => key(`USER#${user}`, 'PROFILE')
export const threadKey = (thread) => key(`THREAD#${thread}`, 'META')
export const messageKey = (thread, seq) => key(`THREAD#${thread}`, messageSk(seq))
export const messageSk = (seq) => `MSG#${String(seq).padStart(20, '0')}`
/** With the user's length, which keeps users and keys apart that contain `#`. */
export const idempotencyKey = (thread, user, name) =>
  key(`THREAD#${thread}`, `KEY#${Buffer.byteLength(user)}#${user}#${name}`)
export const connectionKey = (id) => key(`CONN#${id}`, 'META')
export const subscriptionKey = (channel, id) => key(`CHANNEL#${channel}`, `CONN#${id}`)

function key(pk, sk) {
  return { pk: s(pk), sk: s(sk) }
}

export const conditionFailed = (error) => error.name === 'ConditionalCheckFailedException'

export async function get(table, key) {
  const { Item } = await dynamo.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }))
  return Item && fromItem(Item)
}

export function put(table, item, more) {
  return dynamo.send(new PutItemCommand({ TableName: table, Item: item, ...more }))
}

export function query(table, condition, values, more) {
  return dynamo.send(
    new QueryCommand({
      TableName: table,
      ConsistentRead: true,
      KeyConditionExpression: condition,
      ExpressionAttributeValues: values,
      ...more,
    }),
  )
}

/** The rows of a partition whose sort keys start with `prefix`, all of them. */
export async function partition(table, pk, prefix) {
  const rows = []
  let from
  do {
    const values = { ':pk': s(pk), ':prefix': s(prefix) }
    const page = await query(table, 'pk = :pk AND begins_with(sk, :prefix)', values, { ExclusiveStartKey: from })
    rows.push(...page.Items.map(fromItem))
    from = page.LastEvaluatedKey
  } while (from)
  return rows
}

/** Those of `keys`, all different, that exist, in no order. */
export async function batchGet(table, keys) {
  const chunks = []
  for (let at = 0; at < keys.length; at += 100) chunks.push(batchGetChunk(table, keys.slice(at, at + 100)))
  return (await Promise.all(chunks)).flat()
}

async function batchGetChunk(table, keys) {
  const rows = []
  for (let attempt = 0; keys?.length; attempt++) {
    if (attempt > 0) await pause(attempt)
    const wanted = { [table]: { Keys: keys, ConsistentRead: true } }
    const { Responses, UnprocessedKeys } = await dynamo.send(new BatchGetItemCommand({ RequestItems: wanted }))
    rows.push(...(Responses?.[table] ?? []).map(fromItem))
    keys = UnprocessedKeys?.[table]?.Keys
  }
  return rows
}

/** Opens the connection that the first request will use. No row has this key. */
export const warmUp = (table) => get(table, key('WARM-UP', 'META'))

/** Waits for a random time of up to 5 ms doubled `attempt` times, 160 ms at most. */
export function pause(attempt) {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * (5 << Math.min(attempt, 5))))
}

export function fromItem(item) {
  const row = {}
  for (const name in item) row[name] = fromValue(item[name])
  return row
}

function fromValue(value) {
  if (value.S !== undefined) return value.S
  if (value.N !== undefined) return Number(value.N)
  if (value.L) return value.L.map(fromValue)
  if (value.M) return fromItem(value.M)
  return value.SS ?? value.BOOL ?? null
}
