// Reads requests of API Gateway's HTTP API and builds their responses.
import { isThreadId } from './ids.mjs'

const TITLES = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
}
const MAX_LIMIT = 100

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail)
    Object.assign(this, { status, code })
  }
}

export const threadNotFound = () =>
  new Problem(404, 'thread_not_found', 'The thread does not exist, or you are not a member of it.')

export const notValid = (field) => new Problem(422, 'invalid_request', `${field} is not valid.`)

/** Makes a Lambda handler from `route`, which gets the event and the caller. An error becomes a problem response. */
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

/** Returns the thread ID in the request's path. Fails if it is not a valid thread ID. */
export function threadIdOf({ pathParameters }) {
  const threadId = pathParameters?.threadId
  if (!isThreadId(threadId)) throw threadNotFound()
  return threadId
}

/** Returns the JSON object in the request's body. Fails if the body is not a JSON object. */
export function bodyOf({ body = '', isBase64Encoded }) {
  let object
  try {
    object = JSON.parse(isBase64Encoded ? Buffer.from(body, 'base64') : body)
  } catch {
    throw new Problem(400, 'malformed_json', 'The request body is not valid JSON.')
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw notValid('The request body')
  return object
}

/** Returns the number of rows that the query string asks for: 1 to 100, or 50 if it has no `limit`. */
export function limitOf({ limit: asked = '50' }) {
  const limit = Number(asked)
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    throw new Problem(400, 'invalid_query', `limit is not valid. Use a number from 1 to ${MAX_LIMIT}.`)
  }
  return limit
}

/**
 * Returns the error that the client gets. An unexpected error is logged, and the client gets a 500 without its details.
 */
export function problem(error) {
  if (error instanceof Problem) return error
  console.error(error)
  return new Problem(500, 'internal', 'The server failed to process the request.')
}

export function answer(statusCode, body, headers) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  }
}
