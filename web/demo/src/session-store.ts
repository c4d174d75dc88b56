import type { Tokens } from "./cognito";

const KEY = "hearth-session";

/** A user. The `id` is the claim `sub` of their tokens. */
export interface User {
  id: string;
  name: string;
}

/**
 * Keeps the tokens of a session in the browser. A session that stays signed in is in `localStorage`: all tabs of the
 * browser share it, and it survives the end of the browser. Any other is in `sessionStorage` and ends with its tab. Why
 * they are kept there: docs/decisions/0022-staying-signed-in.md
 */
export class SessionStore {
  private constructor(private readonly storage: Storage) {}

  /** The store of a new session. */
  static of({ stay }: { stay: boolean }): SessionStore {
    return new SessionStore(stay ? localStorage : sessionStorage);
  }

  /** The stores that may have a session, this tab's own first. */
  static all(): SessionStore[] {
    return [new SessionStore(sessionStorage), new SessionStore(localStorage)];
  }

  /** Returns the user of the session that all tabs share, or undefined if there is none. */
  static sharedUser(): User | undefined {
    const tokens = new SessionStore(localStorage).read();
    return tokens && userOf(tokens);
  }

  /** Returns the stored tokens, or undefined if there are none. Removes tokens that cannot be read. */
  read(): Tokens | undefined {
    const stored = this.storage.getItem(KEY);
    if (stored === null) return undefined;
    try {
      const tokens: Tokens = JSON.parse(stored);
      userOf(tokens);
      return tokens;
    } catch (error) {
      console.warn("The stored session cannot be read; the user must sign in again:", error);
      this.clear();
      return undefined;
    }
  }

  write({ idToken, refreshToken }: Tokens): void {
    this.storage.setItem(KEY, JSON.stringify({ idToken, refreshToken }));
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
    addEventListener("pageshow", listener); // a page in the back/forward cache gets no events
    return () => {
      removeEventListener("storage", changed);
      removeEventListener("pageshow", listener);
    };
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
