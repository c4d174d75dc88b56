import type { HearthClient, Person, Store } from "hearth-client";
import { errorText } from "./error-text";

interface Snapshot {
  /** Everybody whom the user may write to, by name, the user included. Undefined until the list is loaded. */
  readonly people: readonly Person[] | undefined;
  /** Why the list could not be loaded. */
  readonly error: string | undefined;
}

/**
 * If a picture cannot be shown, the list is loaded again for new links, but only if it was loaded more than this time
 * ago, in milliseconds. Links are valid for at least 6 hours.
 */
const RENEW_MS = 3_600_000;

/** The people whom the user may write to, with their pictures. */
export class People implements Store<Snapshot> {
  private snapshot: Snapshot = { people: undefined, error: undefined };
  private readonly listeners = new Set<() => void>();
  private loadedAt = 0;
  /** The number of requests for the list. If several are running, only the answer to the latest one is used. */
  private requests = 0;

  constructor(private readonly client: Pick<HearthClient, "people">) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Snapshot => this.snapshot;

  /** Loads the list, also if it is loaded already: somebody may have joined. */
  async load(): Promise<void> {
    this.loadedAt = Date.now();
    this.requests += 1;
    const request = this.requests;
    const update = (snapshot: Snapshot) => request === this.requests && this.update(snapshot);
    try {
      update({ people: await this.client.people(), error: undefined });
    } catch (error) {
      update({ ...this.snapshot, error: errorText(error) });
    }
  }

  /** Loads the list again for new links, at most once an hour. Must be called when a picture cannot be shown. */
  readonly renew = (): void => {
    if (Date.now() - this.loadedAt > RENEW_MS) this.load();
  };

  private update(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    for (const listener of this.listeners) listener();
  }
}
