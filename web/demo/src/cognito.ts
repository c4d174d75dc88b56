/** Signing in at a Cognito user pool: a few calls of its API, by `fetch`. */

/** `refreshToken` lives for weeks, `idToken` for an hour. */
export interface Tokens {
  idToken: string;
  refreshToken: string;
}

/** A first sign-in with a password that somebody else has chosen: `choose` a new one. */
export interface NewPasswordNeeded {
  choose(password: string): Promise<Tokens>;
}

/** Cognito refused. `code` is its exception's name, such as `NotAuthorizedException`. */
export class CognitoError extends Error {
  override name = "CognitoError";
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Answer {
  AuthenticationResult?: { IdToken: string; RefreshToken?: string };
  ChallengeName?: string;
  Session?: string;
}

export class Cognito {
  constructor(
    private readonly url: string,
    private readonly clientId: string,
  ) {}

  async signIn(email: string, password: string): Promise<Tokens | NewPasswordNeeded> {
    const answer = await this.call("InitiateAuth", {
      AuthFlow: "USER_PASSWORD_AUTH",
      AuthParameters: { USERNAME: email, PASSWORD: password },
    });
    if (answer.ChallengeName !== "NEW_PASSWORD_REQUIRED") return tokens(answer);
    return {
      choose: async (chosen) =>
        tokens(
          await this.call("RespondToAuthChallenge", {
            ChallengeName: answer.ChallengeName,
            Session: answer.Session,
            ChallengeResponses: { USERNAME: email, NEW_PASSWORD: chosen },
          }),
        ),
    };
  }

  async refresh(refreshToken: string): Promise<Tokens> {
    const answer = await this.call("InitiateAuth", {
      AuthFlow: "REFRESH_TOKEN_AUTH",
      AuthParameters: { REFRESH_TOKEN: refreshToken },
    });
    return tokens(answer, refreshToken);
  }

  /** Makes a refresh token worthless, and what was given for it. */
  async revoke(refreshToken: string): Promise<void> {
    await this.call("RevokeToken", { Token: refreshToken });
  }

  private async call(action: string, content: object): Promise<Answer> {
    const response = await fetch(this.url, {
      method: "POST",
      keepalive: true, // the page may go while it signs out
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify({ ClientId: this.clientId, ...content }),
    });
    const answer = await response.json();
    if (!response.ok) throw new CognitoError(String(answer.__type).replace(/.*#/, ""), answer.message ?? "Refused.");
    return answer;
  }
}

function tokens(answer: Answer, refreshToken?: string): Tokens {
  const result = answer.AuthenticationResult;
  if (!result) throw new CognitoError("Challenge", `This page has no answer to ${answer.ChallengeName}.`);
  return { idToken: result.IdToken, refreshToken: result.RefreshToken ?? refreshToken ?? "" };
}
