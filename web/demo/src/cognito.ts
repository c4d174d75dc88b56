/** A small client of the Cognito user pool API, based on `fetch`: sign-in, token refresh and revocation. */

/** The tokens of a session. The `idToken` is valid for an hour, the `refreshToken` for 30 days. */
export interface Tokens {
  idToken: string;
  refreshToken: string;
}

/** The answer to a first sign-in with a temporary password. The user must choose a new password. */
export interface NewPasswordNeeded {
  /** Sets the new password and completes the sign-in. */
  choose(password: string): Promise<Tokens>;
}

/** An error response from Cognito. `code` is the name of its exception, such as `NotAuthorizedException`. */
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

  /** Revokes a refresh token and the access tokens issued with it. */
  async revoke(refreshToken: string): Promise<void> {
    await this.call("RevokeToken", { Token: refreshToken });
  }

  private async call(action: string, content: object): Promise<Answer> {
    const response = await fetch(this.url, {
      method: "POST",
      keepalive: true, // the request completes even if the page is closed during sign-out
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify({ ClientId: this.clientId, ...content }),
    });
    // Cognito answers a revocation with an empty body.
    const answer = JSON.parse((await response.text()) || "{}");
    if (!response.ok) {
      throw new CognitoError(
        String(answer.__type).replace(/.*#/, ""),
        answer.message ?? "The sign-in service reported an error. Try again.",
      );
    }
    return answer;
  }
}

function tokens(answer: Answer, refreshToken?: string): Tokens {
  const result = answer.AuthenticationResult;
  if (!result) {
    throw new CognitoError(
      "Challenge",
      `This account requires a sign-in step that this page does not support (${answer.ChallengeName}). ` +
        "Ask the person who manages your account.",
    );
  }
  return { idToken: result.IdToken, refreshToken: result.RefreshToken ?? refreshToken ?? "" };
}
