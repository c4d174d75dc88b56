// GET /files/{fileId}/{name} and GET /thumbs/{name}
import { downloadUrl } from './bucket.mjs'
import { allows, file, fileNotFound } from './files.mjs'
import { http, Problem } from './http.mjs'
import { isFileId } from './ids.mjs'
import { serve } from './runtime.mjs'
import { CHAT_TABLE, warmUp } from './table.mjs'

const MAX_AGE = 50 * 60

async function route({ pathParameters: { fileId, name }, queryStringParameters: query }) {
  const [directory, id] = fileId ? ['files', fileId] : ['thumbs', /^(.*)\.jpg$/.exec(name)?.[1]]
  if (!isFileId(id) || !allows(directory, id, query ?? {})) {
    const detail = 'This URL was changed or has run out. Ask for the message or the file again.'
    throw new Problem(403, 'invalid_file_url', detail)
  }
  const row = await file(id)
  const key = directory === 'files' ? row?.original : row?.thumbnail
  if (!key) throw fileNotFound()
  const headers = { location: await downloadUrl(key), 'cache-control': `private, max-age=${MAX_AGE}` }
  return { statusCode: 302, headers, body: '' }
}

serve(http(route), warmUp(CHAT_TABLE))
