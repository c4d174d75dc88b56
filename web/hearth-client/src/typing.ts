import type { Environment } from "./types.js";

/** How long a user counts as typing after an event, in milliseconds. */
const TYPING_LASTS = 15_000;
/** How long after a frame the next one is sent, in milliseconds, while the user types. */
const REPEAT_AFTER = 10_000;
/** The server drops a frame that follows another one of the connection within this time, in milliseconds. */
const SHORTEST_INTERVAL = 5_000;

/** The other members of a thread who are typing. */
export class TypingUsers {
  readonly #env: Environment;
  readonly #changed: () => void;
  /** The functions that cancel the end of a user's typing, by user ID. */
  readonly #users = new Map<string, () => void>();

  constructor(env: Environment, changed: () => void) {
    this.#env = env;
    this.#changed = changed;
  }

  /** User IDs, in the order in which they started to type. */
  get ids(): string[] {
    return [...this.#users.keys()];
  }

  add(userId: string): void {
    this.#users.get(userId)?.();
    this.#users.set(
      userId,
      this.#env.schedule(() => this.remove(userId), TYPING_LASTS),
    );
    this.#changed();
  }

  remove(userId: string): void {
    this.#users.get(userId)?.();
    if (this.#users.delete(userId)) this.#changed();
  }

  close(): void {
    for (const cancel of this.#users.values()) cancel();
    this.#users.clear();
  }
}

/** Decides when to tell the other members of a thread that the caller is typing. */
export class TypingSignal {
  readonly #env: Environment;
  readonly #send: () => boolean;
  #sentAt = Number.NEGATIVE_INFINITY;
  #interval = REPEAT_AFTER;

  /** `send` sends a frame, and returns whether it was possible. */
  constructor(env: Environment, send: () => boolean) {
    this.#env = env;
    this.#send = send;
  }

  /** Called on each key press. */
  typed(): void {
    const now = this.#env.now();
    if (now - this.#sentAt < this.#interval || !this.#send()) return;
    this.#sentAt = now;
    this.#interval = REPEAT_AFTER;
  }

  /**
   * Called when the caller sends a message, which ends the typing for the others: the next key press starts it again.
   */
  messageSent(): void {
    this.#interval = SHORTEST_INTERVAL;
  }
}
