import { type Cognito, CognitoError, type Tokens } from "./cognito";

/** Whoever has signed in, by the token's own claims. */
export interface User {
  id: string;
  name: string;
}

const KEY = "hearth-session";

/** What Cognito says of a session that is over. Anything else, such as too many requests, passes. */
const OVER = ["NotAuthorizedException", "UserNotFoundException", "PasswordResetRequiredException"];

/**
 * One signed-in user. Kept in `sessionStorage`: it survives a reload, and two tabs can be two people.
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

  /** The one from before a reload. */
  static resume(cognito: Cognito, onEnd: () => void): Session | undefined {
    const kept = sessionStorage.getItem(KEY);
    if (!kept) return undefined;
    try {
      return new Session(cognito, JSON.parse(kept), onEnd);
    } catch (error) {
      console.warn("The session that was kept cannot be read:", error);
      sessionStorage.removeItem(KEY);
      return undefined;
    }
  }

  /** hearth-client asks here for its token. A refusal to renew it ends the session. */
  readonly token = async ({ renew }: { renew: boolean }): Promise<string> => {
    if (renew || claims(this.tokens.idToken).exp * 1000 < Date.now()) {
      this.renewing ??= this.renew().finally(() => {
        this.renewing = undefined;
      });
      await this.renewing;
    }
    return this.tokens.idToken;
  };

  /** Signs out. What is left in other hands of the refresh token is worth nothing, once Cognito has heard of it. */
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
      if (!this.ended && error instanceof CognitoError && OVER.includes(error.code)) this.close();
      throw error;
    }
  }

  /** Nobody waits for it: the user leaves, with or without a network. */
  private revoke({ refreshToken }: Tokens): void {
    this.cognito.revoke(refreshToken).catch((error) => {
      console.warn("Signed out here, but the refresh token could not be revoked and runs out by itself:", error);
    });
  }
}

function claims(jwt: string): { sub: string; exp: number; name?: string } {
  const payload = jwt.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
