// Files: their rows, and the URLs that carry the right to fetch them.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { Problem } from './http.mjs'
import { isFileId } from './ids.mjs'
import { CHAT_TABLE, fileKey, get } from './table.mjs'

const WINDOW = 6 * 60 * 60
const { LINK_KEY } = process.env

export const fileNotFound = () =>
  new Problem(404, 'file_not_found', 'There is no such file, or it is not for you.')

export const file = (id) => get(CHAT_TABLE, fileKey(id))

/** The file that the path names. */
export function fileIdOf({ pathParameters }) {
  const id = pathParameters?.fileId
  if (!isFileId(id)) throw fileNotFound()
  return id
}

export const thumbUrl = ({ id, thumbnail }) => (thumbnail ? `/thumbs/${id}.jpg?${capability('thumbs', id)}` : null)

export function details(row) {
  const { id, name, status, reason, original } = row
  const url = original && `/files/${id}/${encodeURIComponent(name)}?${capability('files', id)}`
  return { id, name, status, thumbUrl: thumbUrl(row), url, reason }
}

function capability(directory, id) {
  const expires = (Math.floor(Date.now() / 1000 / WINDOW) + 2) * WINDOW
  return `expires=${expires}&signature=${sign(directory, id, expires).toString('base64url')}`
}

/** Whether the query of a URL allows to fetch this now. */
export function allows(directory, id, { expires = '', signature = '' }) {
  const [given, ours] = [Buffer.from(signature, 'base64url'), sign(directory, id, expires)]
  return given.length === ours.length && timingSafeEqual(given, ours) && Date.now() / 1000 < Number(expires)
}

const sign = (directory, id, expires) =>
  createHmac('sha256', LINK_KEY).update(`${directory}/${id}/${expires}`).digest()
