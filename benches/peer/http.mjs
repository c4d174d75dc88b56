// Requests of API Gateway's HTTP API, and the answers to them.

const TITLES = { 400: 'Bad Request', 404: 'Not Found', 422: 'Unprocessable Content', 500: 'Internal Server Error' }

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail)
    Object.assign(this, { status, code })
  }
}

export const threadNotFound = () =>
  new Problem(404, 'thread_not_found', 'There is no such thread, or you are not a member of it.')

/** The handler of a route: `route` gets the event, the caller and the thread that the path names. */
export const http = (route) => async (event, requestId) => {
  try {
    const threadId = event.pathParameters?.threadId
    if (!isThreadId(threadId)) throw threadNotFound()
    const { sub, name, iat } = event.requestContext.authorizer.jwt.claims
    const caller = { id: sub, name: name?.trim().slice(0, 100) || null, issuedAt: Number(iat ?? 0) }
    return await route({ event, caller, threadId })
  } catch (error) {
    const { status, code, message: detail } = problem(error)
    const body = { type: 'about:blank', title: TITLES[status], status, code, detail, requestId }
    return answer(status, body, { 'content-type': 'application/problem+json' })
  }
}

export const isThreadId = (text) => /^thread_[A-Za-z0-9_-]{1,64}$/.test(text)

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
