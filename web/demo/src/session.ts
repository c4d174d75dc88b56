import { type Cognito, CognitoError, type Tokens } from "./cognito";
import { hasExpired, SessionStore, type User, userOf } from "./session-store";

export type { User } from "./session-store";

/**
 * Why a session has ended: the user signed out here, on all devices, or in another tab; somebody else signed in in
 * another tab; the user pool no longer accepts the session; or the account was removed.
 */
export type EndReason = "signed-out" | "signed-out-everywhere" | "other-tab" | "other-user" | "refused" | "no-account";

/** Cognito's error codes that end a session. Other errors, such as too many requests, are temporary. */
const ENDS = new Map<string, EndReason>([
  ["NotAuthorizedException", "refused"],
  ["RefreshTokenReuseException", "refused"],
  ["PasswordResetRequiredException", "refused"],
  ["UserNotFoundException", "no-account"],
]);

/** The browser's lock for renewing tokens. Only one tab at a time holds it. */
const LOCK = "hearth-session";

/** The session of one signed-in user. All tabs of the browser share a session that stays signed in. */
export class Session {
  readonly user: User;
  private renewing: Promise<void> | undefined;
  private ended = false;
  private readonly stopWatching: () => void;

  private constructor(
    private readonly cognito: Cognito,
    private readonly store: SessionStore,
    private tokens: Tokens,
    private readonly onEnd: (reason: EndReason) => void,
  ) {
    this.user = userOf(tokens);
    this.stopWatching = store.onChange(() => this.adopt());
  }

  /** Begins the session of a user who has just signed in. `stay` keeps it when the tab or the browser is closed. */
  static begin(cognito: Cognito, tokens: Tokens, stay: boolean, onEnd: (reason: EndReason) => void): Session {
    const store = SessionStore.of({ stay });
    const replaced = store.read();
    if (replaced) revoke(cognito, replaced);
    store.write(tokens);
    return new Session(cognito, store, tokens, onEnd);
  }

  /** Returns the session of this tab or else the one that all tabs share; `undefined` if there is neither. */
  static resume(cognito: Cognito, onEnd: (reason: EndReason) => void): Session | undefined {
    for (const store of SessionStore.all()) {
      const tokens = store.read();
      if (tokens) return new Session(cognito, store, tokens, onEnd);
    }
    return undefined;
  }

  /**
   * Returns an ID token for hearth-client, a new one if `renew` is set or the old one has expired. If Cognito no longer
   * accepts the refresh token, the session ends.
   */
  readonly token = async ({ renew }: { renew: boolean }): Promise<string> => {
    if (renew || hasExpired(this.tokens)) {
      this.renewing ??= this.renew().finally(() => {
        this.renewing = undefined;
      });
      await this.renewing;
    }
    return this.tokens.idToken;
  };

  /** Signs out in this browser, and revokes the refresh token, so that copies of it become useless. */
  end(): void {
    if (this.ended) return;
    this.close("signed-out");
    revoke(this.cognito, this.tokens);
  }

  /**
   * Revokes the sessions of the user on all devices; {@link endRevoked} must follow. Another device notices at its next
   * renewal, which is at most an hour later. Rejects if the user pool cannot be reached; then the session goes on.
   */
  async revokeEverywhere(): Promise<void> {
    await this.alone(async (stored) => {
      const { accessToken = "" } = await this.refresh(stored);
      await this.cognito.signOutEverywhere(accessToken);
    });
  }

  /** Signs out in this browser after the session was revoked everywhere. */
  endRevoked(): void {
    this.close("signed-out-everywhere");
  }

  private close(reason: EndReason): void {
    if (this.ended) return;
    this.ended = true;
    this.stopWatching();
    // Another user's session has overwritten this one in the same storage. It must stay.
    if (reason !== "other-user") this.store.clear();
    this.onEnd(reason);
  }

  private async renew(): Promise<void> {
    const before = this.tokens;
    await this.alone(async (stored) => {
      // If another tab has renewed the tokens while this one waited for the lock, they need no second renewal.
      if (stored.idToken === before.idToken || hasExpired(stored)) await this.refresh(stored);
    });
  }

  /**
   * Calls `work` with the stored tokens while no other tab renews them: a user pool may accept each refresh token only
   * once, and a second use would end the session.
   */
  private async alone<T>(work: (stored: Tokens) => Promise<T>): Promise<T> {
    return await navigator.locks.request(LOCK, async () => {
      await this.store.awaitNewest();
      this.adopt();
      if (this.ended) throw new Error("The session ended while its token was renewed.");
      return work(this.tokens);
    });
  }

  private async refresh(before: Tokens): Promise<Tokens> {
    try {
      const renewed = await this.cognito.refresh(before.refreshToken);
      if (this.ended) {
        if (renewed.refreshToken !== before.refreshToken) revoke(this.cognito, renewed);
        throw new Error("The session ended while its token was renewed.");
      }
      this.tokens = renewed;
      this.store.write(renewed);
      await this.store.announce();
      return renewed;
    } catch (error) {
      const reason = error instanceof CognitoError ? ENDS.get(error.code) : undefined;
      if (reason) this.close(reason);
      throw error;
    }
  }

  /** Takes over the tokens that another tab has stored, or ends the session if they are another user's or removed. */
  private adopt(): void {
    const stored = this.store.read();
    if (!stored) this.close("other-tab");
    else if (userOf(stored).id !== this.user.id) this.close("other-user");
    else this.tokens = stored;
  }
}

/** Revokes the refresh token in the background, so that signing out also works without a network. */
function revoke(cognito: Cognito, { refreshToken }: Tokens): void {
  cognito.revoke(refreshToken).catch((error) => {
    console.warn("Signed out, but the refresh token could not be revoked; it stays valid until it expires:", error);
  });
}
