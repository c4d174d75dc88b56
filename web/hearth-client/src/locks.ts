import type { Environment } from "./types.js";

/**
 * Runs `task` while no other tab of the origin runs a task with the same name. Without the Web Locks API, runs `task`
 * at once. All browsers with push notifications have the API.
 */
export async function withLock<T>({ window }: Environment, name: string, task: () => Promise<T>): Promise<T> {
  const locks = window?.navigator?.locks;
  return locks === undefined ? await task() : await locks.request(name, task);
}
