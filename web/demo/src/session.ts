import { type Cognito, CognitoError, type Tokens } from "./cognito";

/** Whoever has signed in, by the token's own claims. */
export interface User {
  id: string;
  name: string;
}

const KEY = "hearth-session";

/**
 * One signed-in user. Kept in `sessionStorage`: it survives a reload, and two tabs can be two people.
 */
export class Session {
  readonly user: User;
  private renewing: Promise<void> | undefined;

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
    return kept ? new Session(cognito, JSON.parse(kept), onEnd) : undefined;
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

  end(): void {
    sessionStorage.removeItem(KEY);
    this.onEnd();
  }

  private async renew(): Promise<void> {
    try {
      this.tokens = await this.cognito.refresh(this.tokens.refreshToken);
      sessionStorage.setItem(KEY, JSON.stringify(this.tokens));
    } catch (error) {
      if (error instanceof CognitoError) this.end();
      throw error;
    }
  }
}

function claims(jwt: string): { sub: string; exp: number; name?: string } {
  const payload = jwt.split(".")[1] ?? "";
  const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
