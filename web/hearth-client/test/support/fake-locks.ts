import type { Locks } from "../../src/index.js";

/** The Web Locks of one browser: of the tasks with the same name, only one runs at a time, in the order of requests. */
export class FakeLocks implements Locks {
  readonly #queues = new Map<string, Promise<unknown>>();

  request<T>(name: string, callback: () => Promise<T>): Promise<T> {
    const result = (this.#queues.get(name) ?? Promise.resolve()).then(callback);
    this.#queues.set(
      name,
      result.catch(() => {}),
    );
    return result;
  }
}
