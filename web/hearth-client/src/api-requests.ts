import type { ApiRequest } from "./http.js";

export function markRequest(threadId: string, seq: number): ApiRequest {
  return { method: "PUT", path: `/api/threads/${encodeURIComponent(threadId)}/read`, body: { seq } };
}

export function unregisterRequest(id: string): ApiRequest {
  return { method: "DELETE", path: `/api/push-subscriptions/${encodeURIComponent(id)}` };
}

export function messagePath(threadId: string, seq: number): string {
  return `/api/threads/${encodeURIComponent(threadId)}/messages/${seq}`;
}
