// GET /api/files/{fileId}/status
import { details, file, fileIdOf, fileNotFound } from './files.mjs'
import { answer, http } from './http.mjs'
import { serve } from './runtime.mjs'
import { batchGet, CHAT_TABLE, membershipKey, warmUp } from './table.mjs'

async function route(event, caller) {
  const row = await file(fileIdOf(event))
  if (!row || !(await isVisible(row, caller.id))) throw fileNotFound()
  return answer(200, details(row))
}

async function isVisible({ ownerId, threadIds = [] }, user) {
  if (ownerId === user) return true
  const memberships = await batchGet(
    CHAT_TABLE,
    threadIds.map((thread) => membershipKey(user, thread)),
  )
  return memberships.length > 0
}

serve(http(route), warmUp(CHAT_TABLE))
