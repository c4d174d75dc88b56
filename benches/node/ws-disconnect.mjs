// A socket has closed: the route $disconnect.
import { remove } from './connections.mjs'
import { serve } from './runtime.mjs'
import { CONNECTIONS_TABLE, warmUp } from './table.mjs'

async function handle({ requestContext: { connectionId } }) {
  await remove(connectionId)
  return { statusCode: 200 }
}

serve(handle, warmUp(CONNECTIONS_TABLE))
