// POST /api/ws-tickets
import { randomBytes } from 'node:crypto'
import { seen } from './chat.mjs'
import { seconds } from './connections.mjs'
import { answer, http } from './http.mjs'
import { serve } from './runtime.mjs'
import { CONNECTIONS_TABLE, n, put, s, ticketKey, warmUp } from './table.mjs'

const TICKET_SECONDS = 60

async function route(_, caller) {
  const ticket = randomBytes(32).toString('base64url')
  const row = {
    userId: s(caller.id),
    tokenExpiresAt: n(caller.expiresAt),
    expiresAt: n(seconds() + TICKET_SECONDS),
  }
  await Promise.all([put(CONNECTIONS_TABLE, { ...ticketKey(ticket), ...row }), seen(caller)])
  return answer(200, { ticket, expiresIn: TICKET_SECONDS })
}

serve(http(route), warmUp(CONNECTIONS_TABLE))
