import { randomBytes } from 'node:crypto'

export const isThreadId = (text) => /^thread_[A-Za-z0-9_-]{1,64}$/.test(text)

/** Returns a new ID: `kind`, an underscore and a UUIDv7 without hyphens. */
export function newId(kind) {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = (bytes[6] & 0x0f) | 0x70
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  return `${kind}_${bytes.toString('hex')}`
}
