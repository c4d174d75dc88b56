import type { Tokens } from "./cognito";

const KEY = "hearth-session";

/** The cache whose only entry is the version of the newest shared tokens. */
const CACHE = "hearth-session";
const ENTRY = "/newest-version";

/** How long a tab waits for tokens that another tab has written, in milliseconds. */
const PATIENCE_MS = 5_000;

/** A user. The `id` is the claim `sub` of their tokens. */
export interface User {
  id: string;
  name: string;
}

/** Stored tokens. A newer version has a higher number. */
interface Stored extends Tokens {
  version: number;
}

/**
 * Keeps the tokens of a session in the browser. A session that stays signed in is in `localStorage`: all tabs of the
 * browser share it, and it survives the end of the browser. Any other session is in `sessionStorage` and ends with its
 * tab. The reasons for this are in docs/decisions/0022-staying-signed-in.md.
 */
export class SessionStore {
  private constructor(private readonly storage: Storage) {}

  /** Returns the store for a new session. `stay` means that the user stays signed in. */
  static of({ stay }: { stay: boolean }): SessionStore {
    return new SessionStore(stay ? localStorage : sessionStorage);
  }

  /** Returns the stores that may contain a session: first this tab's own, then the one that all tabs share. */
  static all(): SessionStore[] {
    return [new SessionStore(sessionStorage), new SessionStore(localStorage)];
  }

  /** Returns the user of the session that all tabs share, or undefined if there is none. */
  static sharedUser(): User | undefined {
    const tokens = new SessionStore(localStorage).read();
    return tokens && userOf(tokens);
  }

  /** Returns the stored tokens, or undefined if there are none. Removes tokens that cannot be read. */
  read(): Stored | undefined {
    const stored = this.storage.getItem(KEY);
    if (stored === null) return undefined;
    try {
      const tokens: Stored = { version: 0, ...JSON.parse(stored) };
      userOf(tokens);
      return tokens;
    } catch (error) {
      console.warn("The stored session cannot be read; the user must sign in again:", error);
      this.clear();
      return undefined;
    }
  }

  write({ idToken, refreshToken }: Tokens): void {
    const version = Math.max(Date.now(), (this.read()?.version ?? 0) + 1);
    this.storage.setItem(KEY, JSON.stringify({ idToken, refreshToken, version }));
  }

  /**
   * Writes the version of the stored tokens into the cache. A tab that gets the Web Lock later waits in
   * {@link awaitNewest} until it sees tokens of this version. Otherwise, that tab could read older tokens: a change of
   * `localStorage` reaches the browser's other processes some time later, but a change of a cache is visible to all of
   * them at once.
   */
  async announce(): Promise<void> {
    if (this.storage !== localStorage) return;
    const version = this.read()?.version ?? 0;
    await withCache((cache) => cache.put(ENTRY, new Response(String(version))));
  }

  /**
   * Waits until this tab sees the tokens that were announced last, or that the session was removed, at most for 5
   * seconds.
   */
  async awaitNewest(): Promise<void> {
    if (this.storage !== localStorage) return;
    const newest = (await withCache(async (cache) => Number(await (await cache.match(ENTRY))?.text()))) ?? 0;
    const isBehind = () => (this.read()?.version ?? newest) < newest;
    if (!isBehind()) return;
    await new Promise<void>((resolve) => {
      const ended = () => {
        stop();
        resolve();
      };
      const stop = this.onChange(() => {
        if (!isBehind()) ended();
      });
      setTimeout(ended, PATIENCE_MS);
    });
  }

  clear(): void {
    this.storage.removeItem(KEY);
  }

  /** Calls `listener` when another tab has changed or removed the session. Returns a function that ends the calls. */
  onChange(listener: () => void): () => void {
    const changed = ({ storageArea, key }: StorageEvent) => {
      if (storageArea === this.storage && (key === KEY || key === null)) listener();
    };
    addEventListener("storage", changed);
    addEventListener("pageshow", listener); // a page in the back/forward cache gets no storage events
    return () => {
      removeEventListener("storage", changed);
      removeEventListener("pageshow", listener);
    };
  }
}

/**
 * Calls `use` with the cache. Without a cache, returns undefined: two tabs may then renew with the same refresh token,
 * which most user pools allow.
 */
async function withCache<T>(use: (cache: Cache) => Promise<T>): Promise<T | undefined> {
  try {
    return await use(await caches.open(CACHE));
  } catch (error) {
    console.warn("The browser's cache cannot be used; two tabs may renew the session with the same token:", error);
    return undefined;
  }
}

/** Returns the user whom tokens belong to. Throws if they are not valid. */
export function userOf({ idToken }: Tokens): User {
  const { sub, name } = claims(idToken);
  return { id: sub, name: name ?? sub };
}

/** Returns whether the ID token has expired, by this device's clock. */
export function hasExpired({ idToken }: Tokens): boolean {
  return claims(idToken).exp * 1000 < Date.now();
}

/** Decodes the claims of a JWT, without verifying its signature. */
function claims(jwt: string): { sub: string; exp: number; name?: string } {
  const payload = jwt.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
