import type { Environment } from "./types.js";

/** How long a user counts as typing after a `typing` event, in milliseconds. */
const TYPING_LASTS = 15_000;
/** How long after a typing frame the next one is sent, in milliseconds, while the caller types. */
const REPEAT_AFTER = 10_000;
/** The server drops a typing frame that follows another one of the connection within this time, in milliseconds. */
const SHORTEST_INTERVAL = 5_000;

/** The other members of a thread who are typing. */
export class TypingUsers {
  readonly #env: Environment;
  readonly #changed: () => void;
  /** By user ID: the function that cancels the timer at whose end the user counts as typing no more. */
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

  /**
   * `send` sends a typing frame. It returns false if the frame cannot be sent, because the channel is not subscribed.
   */
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
   * Called when the caller sends a message. The other members then no longer see the caller as typing. So the next key
   * press sends a frame again, if the last one was 5 seconds ago, not 10.
   */
  messageSent(): void {
    this.#interval = SHORTEST_INTERVAL;
  }
}
