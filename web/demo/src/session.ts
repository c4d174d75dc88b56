import { type Cognito, CognitoError, type Tokens } from "./cognito";

/** A user. The `id` is the claim `sub` of their tokens. */
export interface User {
  id: string;
  name: string;
}

const KEY = "hearth-session";

/** Cognito's error codes that end a session. Other errors, such as too many requests, are temporary. */
const SESSION_ENDED = ["NotAuthorizedException", "UserNotFoundException", "PasswordResetRequiredException"];

/**
 * The session of one signed-in user. Its tokens are in `sessionStorage`, so the session survives a reload, and two tabs
 * can have two different users.
 */
export class Session {
  readonly user: User;
  private renewing: Promise<void> | undefined;
  private ended = false;

  private constructor(
    private readonly cognito: Cognito,
    private tokens: Tokens,
    private readonly onEnd: () => void,
  ) {
    const { sub, name } = claims(tokens.idToken);
    this.user = { id: sub, name: name ?? sub };
  }

  static begin(cognito: Cognito, tokens: Tokens, onEnd: () => void): Session {
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
    return new Session(cognito, tokens, onEnd);
  }

  /** Returns the session that was stored before a reload, or `undefined` if there is none. */
  static resume(cognito: Cognito, onEnd: () => void): Session | undefined {
    const stored = sessionStorage.getItem(KEY);
    if (!stored) return undefined;
    try {
      return new Session(cognito, JSON.parse(stored), onEnd);
    } catch (error) {
      console.warn("The stored session cannot be read; the user must sign in again:", error);
      sessionStorage.removeItem(KEY);
      return undefined;
    }
  }

  /**
   * Returns an ID token for hearth-client, a new one if `renew` is set or the old one has expired. If Cognito no longer
   * accepts the refresh token, the session ends.
   */
  readonly token = async ({ renew }: { renew: boolean }): Promise<string> => {
    if (renew || claims(this.tokens.idToken).exp * 1000 < Date.now()) {
      this.renewing ??= this.renew().finally(() => {
        this.renewing = undefined;
      });
      await this.renewing;
    }
    return this.tokens.idToken;
  };

  /** Signs out and revokes the refresh token, so that copies of it become useless. */
  end(): void {
    if (this.ended) return;
    this.close();
    this.revoke(this.tokens);
  }

  private close(): void {
    this.ended = true;
    sessionStorage.removeItem(KEY);
    this.onEnd();
  }

  private async renew(): Promise<void> {
    const before = this.tokens;
    try {
      const renewed = await this.cognito.refresh(before.refreshToken);
      if (this.ended) {
        if (renewed.refreshToken !== before.refreshToken) this.revoke(renewed);
        throw new Error("The session ended while its token was renewed.");
      }
      this.tokens = renewed;
      sessionStorage.setItem(KEY, JSON.stringify(renewed));
    } catch (error) {
      if (!this.ended && error instanceof CognitoError && SESSION_ENDED.includes(error.code)) this.close();
      throw error;
    }
  }

  /** Revokes the refresh token in the background, so that signing out also works without a network. */
  private revoke({ refreshToken }: Tokens): void {
    this.cognito.revoke(refreshToken).catch((error) => {
      console.warn("Signed out, but the refresh token could not be revoked; it stays valid until it expires:", error);
    });
  }
}

/** Decodes the claims of a JWT, without verifying its signature. */
function claims(jwt: string): { sub: string; exp: number; name?: string } {
  const payload = jwt.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
