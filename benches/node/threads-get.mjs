// GET /api/threads/{threadId}
import { namesOf, presentThread, thread } from './chat.mjs'
import { answer, http, threadIdOf, threadNotFound } from './http.mjs'
import { serve } from './runtime.mjs'
import { CHAT_TABLE, warmUp } from './table.mjs'

async function route(event, caller) {
  const row = await thread(threadIdOf(event))
  if (!row?.memberIds.includes(caller.id)) throw threadNotFound()
  const memberNames = row.memberIds.map(await namesOf(row.memberIds))
  return answer(200, { ...presentThread(row), memberNames })
}

serve(http(route), warmUp(CHAT_TABLE))
