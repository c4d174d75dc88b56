// Requests of API Gateway's HTTP API, and the answers to them.
import { isThreadId } from './ids.mjs'

const TITLES = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
}
const PAGE = 100

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail)
    Object.assign(this, { status, code })
  }
}

export const threadNotFound = () =>
  new Problem(404, 'thread_not_found', 'There is no such thread, or you are not a member of it.')

export const notValid = (field) => new Problem(422, 'invalid_request', `Not valid: ${field}.`)

/** The handler of a route, which gets the event and, where there is a token, the caller. */
export const http = (route) => async (event, requestId) => {
  try {
    return await route(event, callerOf(event.requestContext.authorizer?.jwt.claims))
  } catch (error) {
    const { status, code, message: detail } = problem(error)
    const body = { type: 'about:blank', title: TITLES[status], status, code, detail, requestId }
    return answer(status, body, { 'content-type': 'application/problem+json' })
  }
}

function callerOf(claims) {
  if (!claims) return undefined
  const { sub, name, iat, exp } = claims
  return { id: sub, name: name?.trim().slice(0, 100) || null, issuedAt: Number(iat ?? 0), expiresAt: Number(exp) }
}

/** The thread that the path names. */
export function threadIdOf({ pathParameters }) {
  const threadId = pathParameters?.threadId
  if (!isThreadId(threadId)) throw threadNotFound()
  return threadId
}

/** The JSON object in the body. */
export function bodyOf({ body = '', isBase64Encoded }) {
  let object
  try {
    object = JSON.parse(isBase64Encoded ? Buffer.from(body, 'base64') : body)
  } catch {
    throw new Problem(400, 'malformed_json', 'The body is no JSON.')
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw notValid('the body')
  return object
}

/** How many rows the query asks for. */
export function limitOf({ limit: asked = '50' }) {
  const limit = Number(asked)
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= PAGE)) {
    throw new Problem(400, 'invalid_query', 'Not valid: limit.')
  }
  return limit
}

export const invalidCursor = () =>
  new Problem(400, 'invalid_cursor', 'The cursor is not one that this list gave.')

/** What a client may see of an error. */
export function problem(error) {
  if (error instanceof Problem) return error
  console.error(error)
  return new Problem(500, 'internal', 'Something went wrong on our side.')
}

export function answer(statusCode, body, headers) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  }
}
