// A socket opens: the route $connect. With a ticket; bearer tokens are left out, as the benchmark's sockets have none.
import { putSubscription, seconds } from './connections.mjs'
import { Problem, problem } from './http.mjs'
import { serve } from './runtime.mjs'
import { CONNECTIONS_TABLE, connectionKey, n, put, s, take, ticketKey, warmUp } from './table.mjs'

const CONNECTION_SECONDS = 2 * 60 * 60
const origins = process.env.ALLOWED_ORIGINS.split(',').map((origin) => origin.trim())

async function handle({ headers, queryStringParameters, requestContext: { connectionId } }) {
  try {
    const [, origin] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'origin') ?? []
    if (origin !== undefined && !origins.includes(origin)) {
      throw new Problem(403, 'origin_not_allowed', 'Pages of this origin may not connect.')
    }
    await connect(connectionId, await redeem(queryStringParameters?.ticket ?? ''))
    return { statusCode: 200 }
  } catch (error) {
    return { statusCode: problem(error).status }
  }
}

/** Uses a ticket up: whose it is. */
async function redeem(ticket) {
  const row = await take(CONNECTIONS_TABLE, ticketKey(ticket))
  if (!(row?.expiresAt > seconds())) {
    throw new Problem(401, 'unauthorized', 'The ticket was used before, has run out, or never was.')
  }
  if (row.tokenExpiresAt <= seconds()) throw new Problem(401, 'unauthorized', 'The token has expired.')
  return row
}

/** Notes the connection, which hears its user's own channel from the start. */
async function connect(id, { userId, tokenExpiresAt }) {
  const expiresAt = Math.min(tokenExpiresAt, seconds() + CONNECTION_SECONDS)
  const channel = `user:${userId}`
  const row = { userId: s(userId), expiresAt: n(expiresAt), channels: { SS: [channel] } }
  await put(CONNECTIONS_TABLE, { ...connectionKey(id), ...row })
  await putSubscription(id, channel, expiresAt)
}

serve(handle, warmUp(CONNECTIONS_TABLE))
