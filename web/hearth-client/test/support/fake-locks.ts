import type { Locks } from "../../src/index.js";

/** A fake of the Web Locks API. Tasks with the same name run one after the other, in the order of their requests. */
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
