// GET /api/threads
import { namesOf, present, presentThread, thread } from './chat.mjs'
import { answer, http, invalidCursor, limitOf } from './http.mjs'
import { isThreadId } from './ids.mjs'
import { serve } from './runtime.mjs'
import { batchGet, CHAT_TABLE, partition, threadKey, warmUp } from './table.mjs'

const PAGE_BYTES = 4 * 1024 * 1024

async function route(event, caller) {
  const query = event.queryStringParameters ?? {}
  const limit = limitOf(query)
  const before = query.cursor === undefined ? undefined : decode(query.cursor)
  const all = (await threadsOf(caller.id)).sort(newestFirst)
  const rows = before ? all.filter((row) => newestFirst(before, row) < 0) : all
  const shown = fitting(rows, limit)
  const users = shown.flatMap(({ memberIds, lastMessage: last }) => (last ? [...memberIds, last.authorId] : memberIds))
  const nameOf = await namesOf(users)
  const threads = shown.map((row) => ({
    ...presentThread(row),
    memberNames: row.memberIds.map(nameOf),
    lastMessage: row.lastMessage ? present(row.lastMessage, nameOf) : null,
  }))
  const nextCursor = rows.length > shown.length ? encode(shown.at(-1)) : null
  return answer(200, { threads, nextCursor })
}

/** All threads of the user, in no order. */
async function threadsOf(user) {
  const memberships = await partition(CHAT_TABLE, `USER#${user}`, 'THREAD#')
  const ids = memberships.map(({ threadId }) => threadId)
  const rows = await batchGet(CHAT_TABLE, ids.map(threadKey))
  if (rows.length < ids.length) {
    // A batch may see half of the transaction that creates a thread; a single read does not.
    const there = new Set(rows.map(({ id }) => id))
    rows.push(...(await Promise.all(ids.filter((id) => !there.has(id)).map(thread))))
  }
  return rows
}

function newestFirst(a, b) {
  const [left, right] = [a, b].map(({ updatedAt, id }) => [Date.parse(updatedAt), id])
  return right[0] - left[0] || (right[1] < left[1] ? -1 : Number(right[1] > left[1]))
}

/** As many rows as Lambda can return, at least one. */
function fitting(rows, limit) {
  let bytes = 0
  const page = rows.slice(0, limit)
  const tooMany = page.findIndex(({ memberIds, lastMessage }) => {
    bytes += memberIds.reduce((sum, id) => sum + Buffer.byteLength(id) + 400, 0)
    if (lastMessage) bytes += 1000 + 6 * Buffer.byteLength(lastMessage.body)
    return bytes > PAGE_BYTES
  })
  return tooMany < 0 ? page : page.slice(0, Math.max(tooMany, 1))
}

const encode = ({ updatedAt, id }) => Buffer.from(`${Date.parse(updatedAt)}:${id}`).toString('base64url')

function decode(cursor) {
  const [, millis, id] = /^(\d+):(.*)$/.exec(Buffer.from(cursor, 'base64url')) ?? []
  if (!isThreadId(id)) throw invalidCursor()
  return { updatedAt: new Date(Number(millis)).toISOString(), id }
}

serve(http(route), warmUp(CHAT_TABLE))
