// GET /api/threads/{threadId}
import { namesOf, thread } from './chat.mjs'
import { answer, http, threadNotFound } from './http.mjs'
import { serve } from './runtime.mjs'
import { CHAT_TABLE, warmUp } from './table.mjs'

async function route({ caller, threadId }) {
  const row = await thread(threadId)
  if (!row?.memberIds.includes(caller.id)) throw threadNotFound()
  const { id, title = null, memberIds, createdAt, updatedAt } = row
  const memberNames = memberIds.map(await namesOf(memberIds))
  return answer(200, { id, title, memberIds, createdAt, updatedAt, memberNames })
}

if (process.env.PEER_WARM_UP !== '0') await warmUp(CHAT_TABLE).catch(console.warn)
serve(http(route))
