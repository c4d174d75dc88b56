// GET /api/threads/{threadId}/messages
import { isMember, namesOf, present, queryMessages } from './chat.mjs'
import { answer, http, invalidCursor, limitOf, Problem, threadIdOf, threadNotFound } from './http.mjs'
import { serve } from './runtime.mjs'
import { CHAT_TABLE, warmUp } from './table.mjs'

const PAGE_BYTES = 4 * 1024 * 1024

async function route(event, caller) {
  const threadId = threadIdOf(event)
  const range = parse(event.queryStringParameters ?? {})
  if (!(await isMember(threadId, caller.id))) throw threadNotFound()
  const page = await queryMessages(threadId, range)
  const rows = fitting(page.rows)
  const nameOf = await namesOf(rows.map(({ authorId }) => authorId))
  const more = page.more || rows.length < page.rows.length
  const nextCursor = more && rows.length > 0 ? encode(range.forward, rows.at(-1).seq) : null
  return answer(200, { messages: rows.map((row) => present(row, nameOf)), nextCursor })
}

function parse({ cursor, after, ...query }) {
  const limit = limitOf(query)
  if (after !== undefined && !/^\d+$/.test(after)) throw new Problem(400, 'invalid_query', 'Not valid: after.')
  if (cursor === undefined) return after === undefined ? { limit } : { limit, forward: true, first: Number(after) + 1 }
  const [, way, seq] = /^([ab])(\d+)$/.exec(Buffer.from(cursor, 'base64url')) ?? []
  if (!way || (way === 'b' && after !== undefined)) throw invalidCursor()
  return way === 'a' ? { limit, forward: true, first: Number(seq) + 1 } : { limit, last: Number(seq) - 1 }
}

const encode = (forward, seq) => Buffer.from(`${forward ? 'a' : 'b'}${seq}`).toString('base64url')

/** As many rows as Lambda can return, at least one; JSON escapes a character of one byte in six at worst. */
function fitting(rows) {
  let bytes = 0
  const tooMany = rows.findIndex(({ body }) => {
    bytes += 1000 + 6 * Buffer.byteLength(body)
    return bytes > PAGE_BYTES
  })
  return tooMany < 0 ? rows : rows.slice(0, Math.max(tooMany, 1))
}

serve(http(route), warmUp(CHAT_TABLE))
