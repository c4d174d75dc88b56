export type { CallOptions } from "./api.js";
export { HearthApi } from "./api.js";
export { HearthClient } from "./client.js";
export type { AnyErrorCode, ClientErrorCode, ErrorKind, HearthErrorFields } from "./errors.js";
export { HearthError } from "./errors.js";
export { limits } from "./limits.js";
export type * from "./notification-types.js";
export type { components, operations, paths } from "./openapi.js";
export type * from "./types.js";
