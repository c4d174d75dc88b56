// POST /api/threads
import { presentThread, seen, thread } from './chat.mjs'
import { answer, bodyOf, http, notValid } from './http.mjs'
import { newId } from './ids.mjs'
import { serve } from './runtime.mjs'
import {
  CHAT_TABLE,
  get,
  IS_NEW,
  memberSetKey,
  membershipKey,
  pause,
  s,
  threadKey,
  transact,
  warmUp,
} from './table.mjs'

const MEMBERS = 90
const TITLE_CHARS = 100
const USER_ID = /^[^\p{Cc}]{1,255}$/u
const ATTEMPTS = 50

async function route(event, caller) {
  const request = parse(bodyOf(event), caller.id)
  const [{ row, created }] = await Promise.all([createOrFind(request), seen(caller)])
  if (!created) return answer(200, presentThread(row))
  return answer(201, presentThread(row), { location: `/api/threads/${row.id}` })
}

function parse({ memberIds: named, title }, caller) {
  if (!Array.isArray(named) || !named.every((id) => typeof id === 'string' && USER_ID.test(id))) {
    throw notValid('memberIds')
  }
  const memberIds = [...new Set([...named, caller])]
  if (memberIds.length > MEMBERS) throw notValid('memberIds')
  const titled = title !== undefined && title !== null
  if (titled && !(typeof title === 'string' && [...title].length <= TITLE_CHARS)) throw notValid('title')
  return { memberIds, title: titled ? title : undefined }
}

/** The thread of exactly these members: one for each set, however many ask at once. */
async function createOrFind({ memberIds, title }) {
  const now = new Date().toISOString()
  const row = { id: newId('thread'), title, memberIds, createdAt: now, updatedAt: now }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const known = await get(CHAT_TABLE, memberSetKey(memberIds))
    // Ours, where an attempt was in doubt and had succeeded.
    if (known) return { row: await thread(known.threadId), created: known.threadId === row.id }
    const { conflict, inTheWay } = await create(row)
    if (!conflict && !inTheWay) return { row, created: true }
    await pause(attempt)
  }
  throw new Error('too many creators of one thread')
}

function create({ id, title, memberIds, createdAt, updatedAt }) {
  const threadId = s(id)
  const row = {
    id: threadId,
    memberIds: { L: memberIds.map(s) },
    createdAt: s(createdAt),
    updatedAt: s(updatedAt),
    lastSeq: { N: '0' },
  }
  if (title !== undefined) row.title = s(title)
  return transact(CHAT_TABLE, [
    { Item: { ...memberSetKey(memberIds), threadId }, ConditionExpression: IS_NEW },
    { Item: { ...threadKey(id), ...row } },
    ...memberIds.map((member) => ({ Item: { ...membershipKey(member, id), threadId } })),
  ])
}

serve(http(route), warmUp(CHAT_TABLE))
