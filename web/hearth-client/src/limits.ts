// Generated from shared/contract by `make docs`. Do not edit.

/** The server's limits. A character is a Unicode code point: `[...text].length` counts them. */
export const limits = {
  /** Maximum number of members of a thread, the caller included. */
  members: 90,
  /** Maximum number of characters in a thread's title. */
  titleChars: 100,
  /** Maximum number of characters in a message's body. */
  bodyChars: 8000,
  /** Maximum number of files in a message. */
  filesPerMessage: 10,
  /** Maximum size of a file in bytes, unless the deployment sets another limit. */
  fileBytes: 26214400,
  /** Maximum number of characters in a file's name. */
  fileNameChars: 255,
  /** Maximum number of characters in a file's media type. */
  mediaTypeChars: 255,
  /** Maximum number of characters in an `Idempotency-Key`. */
  idempotencyKeyChars: 128,
  /** Maximum size of a user ID in bytes of UTF-8. */
  userIdBytes: 255,
  /** Maximum number of threads, messages or people on a page. */
  pageSize: 100,
  /** Number of threads, messages or people on a page if the request has no `limit`. */
  defaultPageSize: 50,
} as const;
