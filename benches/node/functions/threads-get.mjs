// GET /api/threads/{threadId}
import { namesOf, recordProfile, thread } from '../shared/chat.mjs'
import { answer, http, threadIdOf, threadNotFound } from '../shared/http.mjs'
import { serve } from '../shared/runtime.mjs'
import { CHAT_TABLE, warmUp } from '../shared/table.mjs'

async function route(event, caller) {
  const [row] = await Promise.all([thread(threadIdOf(event)), recordProfile(caller)])
  if (!row?.memberIds.includes(caller.id)) throw threadNotFound()
  const { id, title = null, memberIds, createdAt, updatedAt } = row
  const memberNames = memberIds.map(await namesOf(memberIds))
  return answer(200, { id, title, memberIds, createdAt, updatedAt, memberNames })
}

serve(http(route), warmUp(CHAT_TABLE))
