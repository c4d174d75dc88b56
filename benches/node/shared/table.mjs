// DynamoDB: one client, the keys of all rows, and calls for rows of any kind. All reads are strongly consistent.
import { createHash } from 'node:crypto'
import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'

export const { CHAT_TABLE, CONNECTIONS_TABLE } = process.env

const dynamo = new DynamoDBClient({})

export const s = (text) => ({ S: text })
export const n = (number) => ({ N: String(number) })

export const profileKey = (user) => key(`USER#${user}`, 'PROFILE')
export const personKey = (user) => key('PEOPLE', `USER#${user}`)
export const membershipKey = (user, thread) => key(`USER#${user}`, `THREAD#${thread}`)
export const threadKey = (thread) => key(`THREAD#${thread}`, 'META')
export const messageKey = (thread, seq) => key(`THREAD#${thread}`, messageSk(seq))
export const messageSk = (seq) => `MSG#${String(seq).padStart(20, '0')}`
/**
 * The key contains the length of the user ID. Without it, keys would be ambiguous, because both user IDs and
 * idempotency keys may contain `#`.
 */
export const idempotencyKey = (thread, user, name) =>
  key(`THREAD#${thread}`, `KEY#${Buffer.byteLength(user)}#${user}#${name}`)
export const fileKey = (id) => key(`FILE#${id}`, 'META')
export const connectionKey = (id) => key(`CONN#${id}`, 'META')
export const subscriptionKey = (channel, id) => key(`CHANNEL#${channel}`, `CONN#${id}`)

function key(pk, sk) {
  return { pk: s(pk), sk: s(sk) }
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex')

/** Condition that no row with this key exists. */
export const IS_NEW = 'attribute_not_exists(pk)'

export const conditionFailed = (error) => error.name === 'ConditionalCheckFailedException'

export async function get(table, key) {
  const { Item } = await dynamo.send(new GetItemCommand({ TableName: table, Key: key, ConsistentRead: true }))
  return Item && fromItem(Item)
}

export function put(table, item, more) {
  return dynamo.send(new PutItemCommand({ TableName: table, Item: item, ...more }))
}

export function update(table, key, expression, values, more) {
  return dynamo.send(
    new UpdateItemCommand({
      TableName: table,
      Key: key,
      UpdateExpression: expression,
      ExpressionAttributeValues: values,
      ...more,
    }),
  )
}

/** Deletes a row and returns its last content; `undefined` if there is no such row. */
export async function take(table, key) {
  try {
    const deleted = await dynamo.send(
      new DeleteItemCommand({
        TableName: table,
        Key: key,
        ConditionExpression: 'attribute_exists(pk)',
        ReturnValues: 'ALL_OLD',
      }),
    )
    return fromItem(deleted.Attributes)
  } catch (error) {
    if (!conditionFailed(error)) throw error
  }
}

/**
 * Writes all of `puts` or none. Returns `{}` if they were written, or `{ conflict: true }` if another writer interfered
 * and a retry may succeed. If conditions failed, returns `{ existing }` with an entry per put: the row that blocked it,
 * or `undefined`.
 */
export async function transact(table, puts) {
  const common = { TableName: table, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }
  const items = puts.map((put) => ({ Put: { ...common, ...put } }))
  try {
    await dynamo.send(new TransactWriteItemsCommand({ TransactItems: items }))
    return {}
  } catch (error) {
    if (error.name === 'TransactionInProgressException') return { conflict: true }
    if (error.name !== 'TransactionCanceledException') throw error
    const reasons = error.CancellationReasons
    const refused = ({ Code }) => Code === 'ConditionalCheckFailed'
    if (reasons.some(refused)) {
      return { existing: reasons.map((reason) => (refused(reason) ? fromItem(reason.Item ?? {}) : undefined)) }
    }
    const transient = ['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']
    if (reasons.some(({ Code }) => transient.includes(Code))) return { conflict: true }
    throw error
  }
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

/** Returns all rows of a partition whose sort key starts with `prefix`. */
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

/** Returns those rows of `keys` that exist, in any order. `keys` must not contain a key twice. */
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

/** Opens the connection to DynamoDB that the first request will use, by reading a row that does not exist. */
export const warmUp = (table) => get(table, key('WARM-UP', 'META'))

/** Waits for a random time below 5 ms · 2^`attempt`, at most 160 ms. */
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
