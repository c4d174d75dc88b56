import type { HearthClient, Person, Store } from "hearth-client";
import { errorText } from "./error-text";

interface Snapshot {
  /** Everybody whom the user may write to, by name, the user included. Undefined until the list is loaded. */
  readonly people: readonly Person[] | undefined;
  /** Why the list could not be loaded. */
  readonly error: string | undefined;
}

/** Links to pictures work for at least 6 hours, and a picture that cannot be shown is requested again after one. */
const RENEW_MS = 3_600_000;

/** The people whom the user may write to, with their pictures. */
export class People implements Store<Snapshot> {
  private snapshot: Snapshot = { people: undefined, error: undefined };
  private readonly listeners = new Set<() => void>();
  private loading: Promise<void> | undefined;
  private loadedAt = 0;

  constructor(private readonly client: Pick<HearthClient, "people">) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): Snapshot => this.snapshot;

  /** Loads the list, also if it is loaded already: somebody may have joined. */
  load(): Promise<void> {
    this.loading ??= this.request().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  /** Loads the list for new links, at most once an hour. Called when a picture cannot be shown. */
  readonly renew = (): void => {
    if (Date.now() - this.loadedAt > RENEW_MS) this.load();
  };

  private async request(): Promise<void> {
    this.loadedAt = Date.now();
    try {
      this.update({ people: await this.client.people(), error: undefined });
    } catch (error) {
      this.update({ ...this.snapshot, error: errorText(error) });
    }
  }

  private update(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    for (const listener of this.listeners) listener();
  }
}
