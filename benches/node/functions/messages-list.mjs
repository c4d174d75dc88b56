// GET /api/threads/{threadId}/messages
import { isMember, namesOf, present, queryMessages, recordProfile } from '../shared/chat.mjs'
import { answer, http, limitOf, Problem, threadIdOf, threadNotFound } from '../shared/http.mjs'
import { serve } from '../shared/runtime.mjs'
import { CHAT_TABLE, warmUp } from '../shared/table.mjs'

const PAGE_BYTES = 4 * 1024 * 1024

const invalidCursor = () =>
  new Problem(400, 'invalid_cursor', 'The cursor is not valid for this list. Request the list again without a cursor.')

async function route(event, caller) {
  const threadId = threadIdOf(event)
  const range = parse(event.queryStringParameters ?? {})
  const [member] = await Promise.all([isMember(threadId, caller.id), recordProfile(caller)])
  if (!member) throw threadNotFound()
  const page = await queryMessages(threadId, range)
  const rows = fitting(page.rows)
  const nameOf = await namesOf(rows.map(({ authorId }) => authorId))
  const more = page.more || rows.length < page.rows.length
  const nextCursor = more && rows.length > 0 ? encode(range.forward, rows.at(-1).seq) : null
  return answer(200, { messages: rows.map((row) => present(row, nameOf)), nextCursor })
}

function parse({ cursor, after, ...query }) {
  const limit = limitOf(query)
  if (after !== undefined && !/^\d+$/.test(after)) {
    throw new Problem(400, 'invalid_query', 'after is not valid. Use the seq of a message.')
  }
  if (cursor === undefined) return after === undefined ? { limit } : { limit, forward: true, first: Number(after) + 1 }
  const [, direction, seq] = /^([ab])(\d+)$/.exec(Buffer.from(cursor, 'base64url')) ?? []
  if (!direction || (direction === 'b' && after !== undefined)) throw invalidCursor()
  return direction === 'a' ? { limit, forward: true, first: Number(seq) + 1 } : { limit, last: Number(seq) - 1 }
}

const encode = (forward, seq) => Buffer.from(`${forward ? 'a' : 'b'}${seq}`).toString('base64url')

/**
 * Returns the first rows that fit into a Lambda answer, at least one. Counts six bytes for each byte of a message's
 * body, because JSON may escape a byte with six.
 */
function fitting(rows) {
  let bytes = 0
  const tooMany = rows.findIndex(({ body }) => {
    bytes += 1000 + 6 * Buffer.byteLength(body)
    return bytes > PAGE_BYTES
  })
  return tooMany < 0 ? rows : rows.slice(0, Math.max(tooMany, 1))
}

serve(http(route), warmUp(CHAT_TABLE))
