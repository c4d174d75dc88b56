// GET /api/threads/{threadId}
import { membersAndProfiles, recordProfile, thread } from '../shared/chat.mjs'
import { answer, http, threadIdOf, threadNotFound } from '../shared/http.mjs'
import { serve } from '../shared/runtime.mjs'
import { CHAT_TABLE, warmUp } from '../shared/table.mjs'

async function route(event, caller) {
  const [row] = await Promise.all([thread(threadIdOf(event)), recordProfile(caller)])
  if (!row?.memberIds.includes(caller.id)) throw threadNotFound()
  const { id, title = null, memberIds, createdAt, updatedAt, lastSeq = 0 } = row
  const { memberships, profiles } = await membersAndProfiles(id, memberIds)
  const memberNames = memberIds.map((member) => profiles.get(member)?.name ?? member)
  // A membership without a stored mark counts as read, and receipts are shared unless the profile says otherwise.
  const mark = (member) => memberships.get(member).readSeq ?? lastSeq
  const sharing = memberIds.filter((member) => profiles.get(member)?.receipts !== false)
  const reads = sharing.map((userId) => ({ userId, seq: mark(userId) }))
  const { archived = false, mutedUntil = null } = memberships.get(caller.id)
  const own = { readSeq: mark(caller.id), archived, mutedUntil }
  return answer(200, { id, title, memberIds, createdAt, updatedAt, memberNames, lastSeq, ...own, reads })
}

serve(http(route), warmUp(CHAT_TABLE))
