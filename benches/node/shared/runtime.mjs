// Does the work of AWS's managed Node runtime: gets events from the Lambda runtime API and posts the answers.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import { Agent, request } from 'node:http'

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Waits for the promises `warmUps`, then passes events to `handle` until the process is killed. */
export async function serve(handle, ...warmUps) {
  await Promise.all(warmUps.map((warmUp) => warmUp.catch(console.warn)))
  for (;;) {
    const { headers, body } = await send('GET', 'next')
    const id = headers['lambda-runtime-aws-request-id']
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] ?? ''
    try {
      const answer = await handle(JSON.parse(body), id)
      await send('POST', `${id}/response`, JSON.stringify(answer))
    } catch (error) {
      const { name: errorType, message: errorMessage, stack = '' } = error
      await send('POST', `${id}/error`, JSON.stringify({ errorType, errorMessage, stackTrace: stack.split('\n') }))
    }
  }
}

function send(method, subpath, body) {
  return new Promise((resolve, reject) => {
    const path = `/2018-06-01/runtime/invocation/${subpath}`
    const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}
    const sent = request({ host, port, path, method, headers, agent }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
