import type { FileStatus } from "../../src/index.js";
import { problem, type Reply } from "./replies.js";

export interface StoredFile {
  id: string;
  owner: string;
  name: string;
  mimetype: string;
  size: number;
  status: FileStatus;
  uploaded: boolean;
}

export interface FileRequest {
  filename: string;
  mimetype: string;
  size: number;
}

type Files = Map<string, StoredFile>;

export function createFile(files: Files, id: string, owner: string, request: FileRequest, now: number): Reply {
  const { filename: name, mimetype, size } = request;
  files.set(id, { id, owner, name, mimetype, size, status: "pending", uploaded: false });
  const uploadUrl = `https://hearth.test/storage/${id}`;
  const expiresAt = new Date(now + 900_000).toISOString();
  const headers = { "content-type": mimetype };
  return { status: 200, body: { uploadUrl, method: "PUT", headers, expiresAt, file: { id, name, status: "pending" } } };
}

/** Stores the bytes of a file. Calls `uploaded` the first time. */
export function storeFile(files: Files, id: string, uploaded: (file: StoredFile) => void): Reply {
  const file = files.get(id);
  if (file === undefined) return { status: 403, body: "<Error><Code>AccessDenied</Code></Error>" };
  if (!file.uploaded) {
    file.uploaded = true;
    uploaded(file);
  }
  return { status: 200, body: "" };
}

export function fileStatus(files: Files, id: string): Reply {
  const file = files.get(id);
  if (file === undefined) return problem(404, "file_not_found");
  const { name, status } = file;
  const more = {
    ready: { url: `/files/${id}/${name}` },
    failed: { reason: "The image could not be decoded." },
    pending: {},
  }[status];
  const thumbUrl = status === "ready" ? `/thumbs/${id}.jpg` : null;
  return { status: 200, body: { id, name, status, thumbUrl, ...more } };
}
