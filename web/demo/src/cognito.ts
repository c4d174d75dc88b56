/** A small client of the Cognito user pool API, based on `fetch`: sign-in, token refresh and sign-out. */

/** The tokens of a session. The `idToken` and `accessToken` are valid for an hour, the `refreshToken` for 30 days. */
export interface Tokens {
  idToken: string;
  /** Only set in an answer of Cognito. The page does not store it. */
  accessToken?: string | undefined;
  refreshToken: string;
}

/** The answer to a first sign-in with a temporary password. The user must choose a new password. */
export interface NewPasswordNeeded {
  /** Sets the new password and completes the sign-in. */
  choose(password: string): Promise<Tokens>;
}

/**
 * An error of a sign-in, a renewal or a sign-out. `code` is the name of Cognito's exception, such as
 * `NotAuthorizedException`; or `Unreachable` if there was no response; or `Challenge` if Cognito requires a sign-in
 * step that the page does not support.
 */
export class CognitoError extends Error {
  override name = "CognitoError";
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

interface Answer {
  AuthenticationResult?: { IdToken: string; AccessToken?: string; RefreshToken?: string };
  ChallengeName?: string;
  Session?: string;
  /** The name of the exception, in an error response. */
  __type?: string;
  message?: string;
}

/** How long Cognito may take to answer, in milliseconds. During a renewal of tokens, the other tabs wait, too. */
const TIMEOUT_MS = 20_000;

export class Cognito {
  constructor(
    private readonly url: string,
    private readonly clientId: string,
  ) {}

  async signIn(email: string, password: string): Promise<Tokens | NewPasswordNeeded> {
    const answer = await this.call("InitiateAuth", {
      ClientId: this.clientId,
      AuthFlow: "USER_PASSWORD_AUTH",
      AuthParameters: { USERNAME: email, PASSWORD: password },
    });
    if (answer.ChallengeName !== "NEW_PASSWORD_REQUIRED") return tokens(answer);
    return {
      choose: async (chosen) =>
        tokens(
          await this.call("RespondToAuthChallenge", {
            ClientId: this.clientId,
            ChallengeName: answer.ChallengeName,
            Session: answer.Session,
            ChallengeResponses: { USERNAME: email, NEW_PASSWORD: chosen },
          }),
        ),
    };
  }

  async refresh(refreshToken: string): Promise<Tokens> {
    // Unlike InitiateAuth, this call also works with a user pool that rotates refresh tokens.
    const answer = await this.call("GetTokensFromRefreshToken", {
      ClientId: this.clientId,
      RefreshToken: refreshToken,
    });
    return tokens(answer, refreshToken);
  }

  /** Revokes a refresh token and the access tokens issued with it. */
  async revoke(refreshToken: string): Promise<void> {
    await this.call("RevokeToken", { ClientId: this.clientId, Token: refreshToken });
  }

  /** Revokes all refresh tokens and access tokens of the user whom the access token belongs to. */
  async signOutEverywhere(accessToken: string): Promise<void> {
    await this.call("GlobalSignOut", { AccessToken: accessToken });
  }

  private async call(action: string, content: object): Promise<Answer> {
    const [ok, answer] = await this.post(action, content).catch((error) => {
      const message = "The sign-in service cannot be reached. Check your internet connection and try again.";
      throw new CognitoError("Unreachable", message, { cause: error });
    });
    if (ok) return answer;
    const { __type: code, message } = answer;
    throw new CognitoError(
      String(code).replace(/.*#/, ""),
      message ?? "The sign-in service reported an error. Try again.",
    );
  }

  private async post(action: string, content: object): Promise<[ok: boolean, Answer]> {
    const response = await fetch(this.url, {
      method: "POST",
      keepalive: true, // the request completes even if the page is closed during sign-out
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify(content),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return [response.ok, JSON.parse(text || "{}")]; // Cognito answers a revocation with an empty body
  }
}

function tokens(answer: Answer, refreshToken?: string): Tokens {
  const result = answer.AuthenticationResult;
  if (!result) {
    throw new CognitoError(
      "Challenge",
      `This account requires a sign-in step that this page does not support (${answer.ChallengeName}). ` +
        "Ask the person who manages your account to turn that step off.",
    );
  }
  const { IdToken: idToken, AccessToken: accessToken, RefreshToken: renewed } = result;
  return { idToken, accessToken, refreshToken: renewed ?? refreshToken ?? "" };
}
