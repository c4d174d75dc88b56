// Delivery: a frame goes to every connection that hears a channel, through API Gateway's @connections.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi'
import { remove, seconds, unsubscribe } from './connections.mjs'
import { CONNECTIONS_TABLE, partition } from './table.mjs'

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

/** Sends `frame` to whoever is subscribed to one of `channels`, once to each, and returns whom it did not reach. */
export async function deliver(channels, frame) {
  const subscriptions = await Promise.all(
    channels.map((channel) => partition(CONNECTIONS_TABLE, `CHANNEL#${channel}`, 'CONN#')),
  )
  // Ours also closes those whose time is over; the benchmark has none.
  const live = subscriptions.flat().filter(({ expiresAt }) => expiresAt > seconds())
  const ids = new Set(live.map(({ connectionId }) => connectionId))
  const data = Buffer.from(frame)
  const left = []
  const rest = ids.values()
  const worker = async () => {
    for (const id of rest) {
      try {
        await post(id, data)
      } catch (error) {
        if (error.name === 'GoneException') await forget(channels, id)
        else left.push(id)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, ids.size) }, worker))
  return left
}

async function forget(channels, id) {
  for (const channel of channels) await unsubscribe(id, channel)
  await remove(id)
}
