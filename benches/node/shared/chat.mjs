// Access to the `Chat` table (users, threads and messages), with the caches of a warm instance.
import {
  batchGet,
  CHAT_TABLE,
  conditionFailed,
  fromItem,
  get,
  membershipKey,
  messageSk,
  n,
  personKey,
  profileKey,
  query,
  s,
  threadKey,
  update,
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
// Names are cached for five minutes, so a changed name becomes visible after at most this time.
const names = new Cache(300_000)
const recordedTokens = new Cache()

export const thread = (id) => get(CHAT_TABLE, threadKey(id))

/**
 * Returns whether the thread exists and `user` is a member. The members of a thread never change, so they are cached.
 */
export async function isMember(id, user) {
  const known = members.get(id) ?? (await thread(id))?.memberIds
  if (!known) return false
  members.set(id, known)
  return known.includes(user)
}

/** Returns a function that maps a user ID to the user's name, or to the ID itself if no name is recorded. */
export async function namesOf(users) {
  const known = new Map()
  const wanted = []
  for (const user of new Set(users)) {
    const name = names.get(user)
    if (name === undefined) wanted.push(profileKey(user))
    else known.set(user, name)
  }
  for (const { id, name } of await batchGet(CHAT_TABLE, wanted)) {
    if (name === undefined) continue
    names.set(id, name)
    known.set(id, name)
  }
  return (user) => known.get(user) ?? user
}

/**
 * Records that the caller has called, and the name in their token unless a newer token has already set one. Writes the
 * directory before the profile, so that a crash in between is repaired by the next call.
 */
export async function recordProfile({ id, name, issuedAt }) {
  const time = name ? issuedAt : -Infinity
  if (recordedTokens.get(id) >= time) return
  const stored = await get(CHAT_TABLE, profileKey(id))
  const newest = stored && (stored.issuedAt ?? -Infinity) >= time ? stored : { name, issuedAt }
  if (newest !== stored || !stored.listed) {
    await recordName(personKey(id), id, newest, [], {})
    await recordName(profileKey(id), id, newest, ['listed = :true'], { ':true': { BOOL: true } })
  }
  if (newest.name) names.set(id, newest.name)
  recordedTokens.set(id, time)
}

/** Writes a user's ID and name unless the row has the name of a newer token. */
async function recordName(key, id, { name, issuedAt }, assignments, values) {
  const set = ['id = :id', ...assignments, ...(name ? ['#name = :name', 'issuedAt = :issuedAt'] : [])]
  const named = name && {
    ConditionExpression: 'attribute_not_exists(issuedAt) OR issuedAt <= :issuedAt',
    ExpressionAttributeNames: { '#name': 'name' },
  }
  const all = { ':id': s(id), ...values, ...(name && { ':name': s(name), ':issuedAt': n(issuedAt) }) }
  try {
    await update(CHAT_TABLE, key, `SET ${set.join(', ')}`, all, named || {})
  } catch (error) {
    if (!conditionFailed(error)) throw error
  }
}

/** Returns the memberships of `users` in a thread, and their profiles, by user. */
export async function membersAndProfiles(threadId, users) {
  const keys = users.flatMap((user) => [membershipKey(user, threadId), profileKey(user)])
  const memberships = new Map()
  const profiles = new Map()
  for (const row of await batchGet(CHAT_TABLE, keys)) {
    const rows = row.sk === 'PROFILE' ? profiles : memberships
    rows.set(row.pk.slice('USER#'.length), row)
  }
  return { memberships, profiles }
}

/** Returns at most `limit` messages with a seq from `first` to `last`, and whether more may follow. */
export async function queryMessages(threadId, { first = 1, last = 18446744073709551615n, forward = false, limit }) {
  if (first > last) return { rows: [], more: false }
  const values = { ':pk': s(`THREAD#${threadId}`), ':from': s(messageSk(first)), ':to': s(messageSk(last)) }
  const page = await query(CHAT_TABLE, 'pk = :pk AND sk BETWEEN :from AND :to', values, {
    ScanIndexForward: forward,
    Limit: limit,
  })
  const rows = page.Items.map(fromItem)
  // A page with the newest messages first ends the list if it contains seq 1. This saves a read to find the end.
  const more = rows.length > 0 && !forward ? rows.at(-1).seq > 1 : page.LastEvaluatedKey !== undefined
  return { rows, more }
}

/** Returns the seq of the thread's last message; 0 if the thread has none. */
export async function lastSeq(threadId) {
  const { rows } = await queryMessages(threadId, { limit: 1 })
  const seq = rows[0]?.seq ?? 0
  lastSeqs.set(threadId, seq)
  return seq
}

/** Returns the thread's last revision; 0 if there is none. */
export async function lastRev(threadId) {
  const values = { ':pk': s(`THREAD#${threadId}`), ':from': s('REV#0'), ':to': s('REV#9') }
  const page = await query(CHAT_TABLE, 'pk = :pk AND sk BETWEEN :from AND :to', values, {
    ScanIndexForward: false,
    Limit: 1,
  })
  return page.Items.map(fromItem)[0]?.rev ?? 0
}

/**
 * Returns the cached seq of the thread's last message, which may be outdated. Reads it from the table if it is not
 * cached.
 */
export const likelyLastSeq = async (threadId) => lastSeqs.get(threadId) ?? (await lastSeq(threadId))
export const rememberLastSeq = (threadId, seq) => lastSeqs.set(threadId, seq)

/**
 * Returns a message as clients get it. Attachments, reactions and quotes are left out, because the benchmark's messages have
 * none.
 */
export function present({ id, threadId, seq, rev = 0, body, authorId, createdAt }, nameOf) {
  const author = { id: authorId, name: nameOf(authorId) }
  return { id, threadId, seq, rev, body, author, attachments: [], createdAt, reactions: [] }
}
