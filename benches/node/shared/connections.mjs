// Access to the `Connections` table: connections and their subscriptions.
import {
  CONNECTIONS_TABLE,
  conditionFailed,
  connectionKey,
  fromItem,
  get,
  n,
  put,
  s,
  subscriptionKey,
  take,
  update,
} from './table.mjs'

export const seconds = () => Math.floor(Date.now() / 1000)

/** Returns the connection's row, which may have expired; `undefined` if the connection is closed or being removed. */
export async function openRow(id) {
  const row = await get(CONNECTIONS_TABLE, connectionKey(id))
  return row?.closing ? undefined : row
}

export function putSubscription(id, channel, expiresAt) {
  const row = { connectionId: s(id), subscribedAt: n(seconds()), expiresAt: n(expiresAt) }
  return put(CONNECTIONS_TABLE, { ...subscriptionKey(channel, id), ...row })
}

export const unsubscribe = (id, channel) => take(CONNECTIONS_TABLE, subscriptionKey(channel, id))

/**
 * Removes a connection and its subscriptions. Sets `closing` first, so that no subscription is added meanwhile, and
 * deletes the connection's own row last.
 */
export async function remove(id) {
  let row
  try {
    const values = { ':true': { BOOL: true } }
    const closing = await update(CONNECTIONS_TABLE, connectionKey(id), 'SET closing = :true', values, {
      ConditionExpression: 'attribute_exists(pk)',
      ReturnValues: 'ALL_NEW',
    })
    row = fromItem(closing.Attributes)
  } catch (error) {
    if (conditionFailed(error)) return
    throw error
  }
  await Promise.all(row.channels.map((channel) => unsubscribe(id, channel)))
  await take(CONNECTIONS_TABLE, connectionKey(id))
}
